"""What a folder that no reader recognises looks like, and what it lacks to be of a layout that is near: three lines."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from streamdeq.data.films import FILMS
from streamdeq.data.pictures import PICTURES
from streamdeq.errors import StreamdeqError

DOCS = "docs/data.md, and in short `streamdeq data formats`"
#: Files that are looked at; of more the first say enough. Folders this deep are looked into for a data set.
MOST_FILES = 20_000
_PACKED = {".zip", ".tar", ".gz", ".tgz", ".7z", ".rar"}
_TEXT = {".txt": "YOLO", ".json": "COCO's, labelme's or Label Studio's", ".xml": "CVAT's or VOC's", ".csv": "a table"}


class UnknownFolderError(StreamdeqError):
    """A folder of another kind: what it looks like, what is missing, where to read on, a line each in `lines`."""

    def __init__(self, looks: str, missing: str) -> None:
        told = (looks, f"missing: {missing}", f"layouts: {DOCS}")
        super().__init__("; ".join(told))
        self.lines = told


def refuse(folder: Path, lacks: str, recognised: Callable[[Path], bool]) -> UnknownFolderError:
    """The error for a folder, or a file, that nobody recognises.

    Args:
        lacks: what a reader says of it, "TITLE, but lacks THAT"; empty where none does.
        recognised: whether a folder is a data set: one may lie inside.
    """
    if not folder.exists():
        looks = f"expected 'synthetic' or a folder with a data set, got {folder}, which is no folder"
        return UnknownFolderError(looks, "is the path right?")
    if folder.is_file():
        return _of_file(folder)
    names = list(islice(_below(folder), MOST_FILES))
    counts = Counter(Path(name).suffix.lower() for name in names)
    looks = f"{folder} is no data set that is known: {_told(counts, names)}"
    inside = next((path for path in _folders(folder) if recognised(path)), None)
    if inside is not None:
        return UnknownFolderError(looks, f"nothing, perhaps: {inside} is a data set, give that")
    if lacks:
        title, _, what = lacks.partition("\n")
        return UnknownFolderError(f"{folder} looks like {title}: {_told(counts, names)}", what)
    return UnknownFolderError(looks, _missing(counts, names))


def _of_file(path: Path) -> UnknownFolderError:
    if path.suffix.lower() in _PACKED:
        return UnknownFolderError(f"{path} is an archive", "its contents: unpack it, and give the folder")
    if path.suffix.lower() in PICTURES | FILMS:
        return UnknownFolderError(
            f"{path} is a single picture or film, no data set", "the folder with its labels: give that"
        )
    return UnknownFolderError(
        f"{path} is a file, no data set that is known",
        "a folder, data.yaml, CVAT's XML, COCO's or Label Studio's JSON",
    )


def _missing(counts: Counter[str], names: list[str]) -> str:
    seen = sum(counts[suffix] for suffix in PICTURES | FILMS)
    packed = next((name for name in names if Path(name).suffix.lower() in _PACKED), None)
    texts = {suffix: counts[suffix] for suffix in _TEXT if counts[suffix]}
    if packed is not None and not seen:
        return f"its contents: unpack {packed}"
    if not seen:
        return f"pictures or films beside the {'labels' if texts else 'files'}"
    if counts[".txt"] > 1:
        return "data.yaml, if these are YOLO's labels: names: [cat, dog], train: images/train, val: images/val"
    if texts:
        suffix = max(texts, key=lambda one: texts[one])
        return f"labels in a known form: the {suffix} files are not {_TEXT[suffix]}"
    return (
        "labels: a class per pixel (labels/NAME.png, classes.txt), boxes (YOLO, COCO, CVAT, …), key points "
        "(labels.csv, COCO, …), or a folder per class in train/ and val/"
    )


def _told(counts: Counter[str], names: list[str]) -> str:
    """`370 .jpg and 2 .txt, the first is a/b.jpg`."""
    if not names:
        return "it is empty"
    common = counts.most_common(3)
    told = " and ".join(f"{count} {suffix or 'without suffix'}" for suffix, count in common)
    more = "more than " if len(names) == MOST_FILES else ""
    return f"{more}{told}, the first is {min(names)[:80]}"


def _below(folder: Path) -> Iterator[str]:
    """The files below a folder, by their paths in it; hidden ones are nobody's data."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            if not name.startswith("."):
                yield os.path.relpath(os.path.join(root, name), folder)


def _folders(folder: Path) -> list[Path]:
    """The folders in a folder, and those in them, the first thirty."""
    first = [path for path in sorted(folder.iterdir()) if path.is_dir() and not path.name.startswith(".")]
    second = [inner for path in first[:20] for inner in sorted(path.iterdir()) if inner.is_dir()]
    return [*first, *second][:30]
