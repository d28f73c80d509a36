"""Small parts of ImageNet as a folder per class: imagenette (224 pixels) and Tiny ImageNet (64 pixels), unchanged."""

from collections.abc import Sequence
from pathlib import Path

from streamdeq.data.prepare.sources import copied
from streamdeq.errors import StreamdeqError
from streamdeq.reading import read_text

TINY = "tiny-imagenet-200"


def prepare(sources: Sequence[Path], out: Path, final: Path) -> None:
    (root,) = sources
    if (root / TINY).is_dir():
        _tiny(root / TINY, out)
    else:
        _imagenette(root, out)


def _imagenette(root: Path, out: Path) -> None:
    for folder in sorted(root.glob("*/n*")):
        _copy(folder, folder, out / folder.relative_to(root))


def _tiny(root: Path, out: Path) -> None:
    """The validation pictures are sorted by the file that says what they show; those of the test set have no class."""
    for folder in sorted((root / "train").iterdir()):
        _copy(folder / "images", folder, out / "train" / folder.name)
    of_class: dict[str, list[str]] = {}
    for line in read_text(root / "val" / "val_annotations.txt").splitlines():
        name, wnid, *_ = line.split("\t")
        of_class.setdefault(wnid, []).append(name)
    for wnid, names in of_class.items():
        copied(root / "val" / "images", tuple(names), out / "val" / wnid)


def _copy(folder: Path, of: Path, to: Path) -> None:
    names = tuple(sorted(path.name for path in folder.glob("*.JPEG")))
    if not names:
        raise StreamdeqError(f"expected pictures of the class {of.name} in {folder}, found none; get the source again")
    copied(folder, names, to)
