"""A user's own boxes in YOLO's layout.

Layout: `data.yaml` with `names` (a list, or number: name) and `train`, `val`, `test`: a folder of pictures each, or a
list of folders, below the folder (or below `path` in it). For a picture `…/images/…/NAME.jpg` the boxes are in
`…/labels/…/NAME.txt`, a line `class centre-x centre-y width height` each, 0…1 of the picture's sides; no file: nothing
is there. A picture is a clip of one frame.
"""

import math
import os
import re
from pathlib import Path
from typing import Any

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.boxes import LabelledBox, box_in_frame, collect
from streamdeq.data.documents import read_text, read_yaml
from streamdeq.data.frames import PictureFiles
from streamdeq.data.pictures import pictures, size_of
from streamdeq.data.problems import Problems
from streamdeq.data.reader import READERS, Reader, own_dataset
from streamdeq.data.targets import LazyText
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown
from streamdeq.values.boxes import Boxes

FILES = ("data.yaml", "data.yml", "dataset.yaml")
SOURCE = "export YOLO from your labelling tool: data.yaml, images/train/, labels/train/, …"
SPLITS = ("train", "val", "test")
FPS = 1.0


def _boxes(image: Path, label: Path, classes: int) -> Boxes:
    """What the label file of a picture says; it need not exist."""
    if not label.is_file():
        return Boxes.none()
    height, width = size_of(image)
    objects, problems = [], Problems()
    for number, line in enumerate(read_text(label).splitlines(), start=1):
        with problems.collect():
            if line.strip():
                objects.append(_object(line, classes, width, height, f"{label}, line {number}"))
    problems.tell()
    return collect(objects)


def _clip(image: Path, above: Path, classes: int) -> Clip:
    targets = LazyText((0,), lambda t: _boxes(image, _label_of(image), classes))
    return Clip(image.relative_to(above).as_posix(), FPS, PictureFiles((image,)), targets)


def _object(line: str, classes: int, width: int, height: int, where: str) -> LabelledBox:
    words = line.split()
    try:
        label, (x, y, w, h) = int(words[0]), (float(word) for word in words[1:])
    except (ValueError, IndexError):
        raise StreamdeqError(
            f"expected class, centre x, centre y, width, height in {where}, got '{line.strip()[:60]}'; correct it"
        ) from None
    if not 0 <= label < classes:
        raise StreamdeqError(f"expected a class 0..{classes - 1} in {where}, got {label}; correct it")
    if max(map(abs, (x, y, w, h))) > 2 and all(map(math.isfinite, (x, y, w, h))):
        raise StreamdeqError(
            f"expected shares 0..1 of the picture's sides in {where}, got '{line.strip()[:60]}': pixels?"
        )
    corners = ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
    return LabelledBox(box_in_frame(corners, width, height, where), label)


@READERS.register("yolo")
class Yolo(Reader):
    title = "YOLO boxes"
    expected = "data.yaml with names, train and val, images/ and labels/ as YOLO has them"
    source = SOURCE

    def recognises(self, folder: Path) -> bool:
        return _file(folder) is not None

    def splits(self, folder: Path) -> tuple[str, ...]:
        path = _file(folder)
        places = _read(path)[1] if path else {}
        return tuple(split for split in SPLITS if split in places)

    def open(self, folder: Path, split: str) -> Dataset:
        path = _file(folder)
        names, places = _read(path) if path else ((), {})
        if split not in places:
            raise StreamdeqError(unknown("split", split, list(places)))
        for place in places[split]:
            if not place.is_dir():
                raise StreamdeqError(f"expected the folder {place}, {split} of {path}, found none; correct the file")
        above = Path(os.path.commonpath(places[split]))
        found = pictures({one for place in places[split] for one in place.rglob("*")})
        if not found:
            raise StreamdeqError(f"expected pictures in {', '.join(map(str, places[split]))}, found none; {SOURCE}")
        labels = [_label_of(image) for image in found]
        if not any(label.is_file() for label in labels):
            raise StreamdeqError(
                f"expected labels of '{split}' in {labels[0].parent}, such as {labels[0].name}, found none of "
                f"{len(labels)}; put them there (an empty file says that nothing is in a picture)"
            )
        clips = tuple(_clip(image, above, len(names)) for image in found)
        return own_dataset(folder, "detection", split, names, clips)


def _label_of(image: Path) -> Path:
    """The last `images` on the way becomes `labels`."""
    parts = list(image.with_suffix(".txt").parts)
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return Path(*parts)


def _file(folder: Path) -> Path | None:
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def _read(path: Path) -> tuple[tuple[str, ...], dict[str, list[Path]]]:
    """The classes' names and the splits' folders."""
    values = read_yaml(path)
    names = _names(values.get("names"), path)
    root = path.parent.absolute()
    if isinstance(values.get("path"), str) and (root / values["path"]).is_dir():
        root = root / values["path"]  # exports often carry the path of another machine
    places = {}
    for split in SPLITS:
        given = values.get(split) or []
        listed = [given] if isinstance(given, str) else given
        if not isinstance(listed, list) or not all(isinstance(one, str) and one for one in listed):
            raise StreamdeqError(f"expected a folder, or a list, as {split} in {path}, got {given}; correct it")
        if listed:
            places[split] = [_place(root, one) for one in listed]
    return names, places


def _names(given: Any, path: Path) -> tuple[str, ...]:
    """Of a list, or by their numbers."""
    if isinstance(given, dict):
        numbers = sorted(int(key) for key in given if key.isdecimal())
        if numbers != list(range(len(given))):
            raise StreamdeqError(
                f"expected names by number, 0 to {len(given) - 1}, in {path}, got {', '.join(given)}; correct them"
            )
        given = [given[key] for key in sorted(given, key=int)]
    names = tuple(given) if isinstance(given, list) else ()
    if not names or not all(isinstance(name, str) and name for name in names) or len(set(names)) < len(names):
        got = ", ".join(map(str, names)) or (repr(given) if given else "none")
        raise StreamdeqError(f"expected different names of classes in {path}, got {got}; correct it")
    return names


def _place(root: Path, given: str) -> Path:
    inside = re.sub(r"^(\.\./)+", "", given)  # as some tools write them, one level too high
    return root / given if (root / given).is_dir() else root / inside
