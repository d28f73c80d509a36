"""Which file of COCO's JSON is a split's, and what is in it, without reading it whole.

By its name, else by its content: a file of JSON in the folder, its `annotations/` or the
split's folder that has images, annotations and categories, and whose name or folder says the split
(`instances_Train.json`, `valid/_annotations.coco.json`); where none says one, it is all there is, and `train`
(`instances_default.json`, `labels.json`, `result.json`). A file may be given itself, in the place of its folder, or
of the one above its `annotations/`: it is the only split then.
"""

import re
from mmap import ACCESS_READ, mmap
from pathlib import Path

SPLITS = {"train": ("train",), "val": ("val", "valid"), "test": ("test",)}
"""What each split is called in files' names."""
BOX_FILES = (
    "{0}.json", "annotations/{0}.json", "annotations/instances_{0}.json", "annotations/instances_{0}2017.json",
    "{0}/_annotations.coco.json",
)  # fmt: skip
"""Where objects of a split are, whether boxes or masks are wanted."""
_KEYS = (b'"images"', b'"annotations"', b'"categories"')
_MASKS = re.compile(rb'"segmentation"\s*:\s*(?:\[\s*\[|\{)')
_POINTS = re.compile(rb'"keypoints"\s*:\s*\[')


def find(folder: Path, split: str, files: tuple[str, ...], points: bool | None) -> Path | None:
    """The first of `files` that there is, `{0}` in them is the split; else what is COCO's JSON with, or without, key
    points (None: either) by its content."""
    if folder.is_file():
        inside = {name for name, words in SPLITS.items() if folder.parent.name in words}
        of = _said(folder) or inside or {"train"}
        return folder if of == {split} and _holds(folder, points) else None
    spelled = [folder / file.format(name) for name in SPLITS.get(split, ()) for file in files]
    found = next((path for path in spelled if path.is_file()), None)
    if found is not None or split not in SPLITS:
        return found
    return next((path for path in _of_split(folder, split) if _holds(path, points)), None)


def _of_split(folder: Path, split: str) -> list[Path]:
    """The files of JSON whose names, or folders, say the split; of `train` all, if none says any."""
    every = [path for place in (folder, folder / "annotations") for path in sorted(place.glob("*.json"))]
    said = {path: _said(path) for path in every}
    inside = [path for name in SPLITS[split] for path in sorted((folder / name).glob("*.json"))]
    own = [path for path, names in said.items() if names == {split}] + inside
    alone = split == "train" and not any(said.values()) and not own
    return own or [path for path in every if alone]


def _said(path: Path) -> set[str]:
    """The splits that a file's name says."""
    return {name for name, words in SPLITS.items() if set(words) & _words(path.stem)}


def _words(stem: str) -> set[str]:
    return set(re.split(r"[^a-z]+", stem.lower()))


def _holds(path: Path, points: bool | None) -> bool:
    """Whether a file has COCO's keys, and key points or not (None: either). It may be large: it is not read whole."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as text:
        return all(text.find(key) >= 0 for key in _KEYS) and points in (None, bool(_POINTS.search(text)))


def has_masks(path: Path) -> bool:
    """Whether a file has the outline of anything."""
    if not path.is_file() or not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as text:
        return bool(_MASKS.search(text))
