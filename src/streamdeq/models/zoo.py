"""Weights by name: those that come with the package, a file, an address on a hub."""

import os
from pathlib import Path
from typing import Literal

from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

#: The packaged models by their task, for type checkers.
Segmenters = Literal[
    "camvid-s", "camvid-s-il", "camvid-s-published", "camvid-s-sur", "camvid-s-ur", "camvid-s-wsu", "street-s"
]
Detectors = Literal["driving-s", "person-s", "person-s-il", "person-s-ur", "street-boxes-s"]
PoseModels = Literal["bee-s", "bee-s-il", "bee-s-ur", "human-s", "mouse-s", "walkers-s"]
DepthModels = Literal["street-depth-s"]

FOLDER = Path(__file__).parent.parent / "weights"


#: What the folder of a training run stands for: the weights that scored best, or else those of its end.
RUN_WEIGHTS = ("best.safetensors", "model.safetensors")


def names() -> list[str]:
    """The packaged models."""
    return sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def find(name_or_path: str | os.PathLike[str]) -> Path:
    """The file of a packaged model, the path itself where one is given, for a training run's folder its weights, or the
    file at `hf://owner/name`, fetched.

    Raises:
        StreamdeqError: none of these, the nearest name is shown; or what the hub refuses.
    """
    text = os.fspath(name_or_path)
    if text.startswith("hf:/"):
        from streamdeq.models import hub  # the extra `hub`

        # pathlib makes one slash of two
        return hub.fetch(text if text.startswith(hub.PREFIX) else text.replace("hf:/", hub.PREFIX, 1))
    packaged = names()
    if text in packaged:
        return FOLDER / f"{text}.safetensors"
    if os.path.isdir(text) and (held := _of_run(Path(text))):
        return held
    # os.path, which unlike pathlib takes a name that no file can have for a file that is not there.
    if os.path.isfile(text):
        return Path(text)
    if os.sep in text or text.endswith((".safetensors", ".pth", ".pkl", ".pt")) or os.path.exists(text):
        others = f" or one of: {', '.join(packaged)}" if packaged else ""
        raise StreamdeqError(f"no weights at {text}; expected a .safetensors file{others}")
    raise StreamdeqError(unknown("model", text, packaged))


def _of_run(folder: Path) -> Path | None:
    """The weights in the folder of a training run; None for another folder.

    Raises:
        StreamdeqError: a run that has not come to its end, and was not scored.
    """
    for name in RUN_WEIGHTS:
        if (folder / name).is_file():
            return folder / name
    if (folder / "checkpoint.safetensors").is_file():
        raise StreamdeqError(f"{folder} holds a training run without weights yet: streamdeq train --resume {folder}")
    return None
