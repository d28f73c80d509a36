"""A user's own boxes in YOLO's layout.

Layout: `data.yaml` (or the folder's only other YAML file with these keys) with `names` (a list, or number: name) and
`train`, `val`, `test`: a folder of pictures each, a text file that lists them, or a list of such, below the folder
(or below `path` in it). The YAML file itself may be given in the folder's place. For a picture `…/images/…/NAME.jpg`
the boxes are in `…/labels/…/NAME.txt`, a line `class centre-x centre-y width height` each, 0…1 of the picture's
sides; no file: nothing is there. A polygon, `class x y x y x y …`, is the box around it; key points after a box
(`kpt_shape`) are left out. A picture is a clip of one frame.
"""

import math
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.boxes import LabelledBox, box_in_frame, collect
from streamdeq.data.documents import MOST_YAML, read_yaml
from streamdeq.data.frames import PictureFiles
from streamdeq.data.pictures import pictures, size_of
from streamdeq.data.problems import Problems
from streamdeq.data.reader import READERS, Reader, below, own_dataset
from streamdeq.data.targets import LazyText
from streamdeq.errors import StreamdeqError
from streamdeq.reading import read_bytes, read_text
from streamdeq.registry import unknown
from streamdeq.values.boxes import Boxes

FILES = ("data.yaml", "data.yml", "dataset.yaml")
SOURCE = "export YOLO from your labelling tool: data.yaml, images/train/, labels/train/, …"
SPLITS = ("train", "val", "test")
FPS = 1.0


@dataclass(frozen=True)
class _Yaml:
    """What data.yaml says: names of classes, places of pictures by split, numbers after a box for its key points."""

    names: tuple[str, ...]
    places: dict[str, list[Path]]
    beyond: int


def _boxes(image: Path, label: Path, about: _Yaml) -> Boxes:
    """What the label file of a picture says; it need not exist."""
    if not label.is_file():
        return Boxes.none()
    height, width = size_of(image)
    objects, problems = [], Problems()
    for number, line in enumerate(read_text(label).splitlines(), start=1):
        with problems.collect():
            if line.strip():
                objects.append(_object(line, about, width, height, f"{label}, line {number}"))
    problems.tell()
    return collect(objects)


def _clip(image: Path, above: Path, about: _Yaml) -> Clip:
    targets = LazyText((0,), lambda t: _boxes(image, _label_of(image), about))
    return Clip(image.relative_to(above).as_posix(), FPS, PictureFiles((image,)), targets)


def _object(line: str, about: _Yaml, width: int, height: int, where: str) -> LabelledBox:
    classes = len(about.names)
    try:
        first, *values = map(float, line.split())
        label = int(first)
        if about.beyond and len(values) == 4 + about.beyond:
            values = values[:4]
        x, y, w, h = _around(values) if len(values) >= 6 and len(values) % 2 == 0 else values
        if label != first:
            raise ValueError
    except (ValueError, OverflowError):
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
    suffixes = (".yaml", ".yml")

    def recognises(self, folder: Path) -> bool:
        return _file(folder) is not None

    def splits(self, folder: Path) -> tuple[str, ...]:
        path = _file(folder)
        return tuple(split for split in SPLITS if path and split in _read(path, self.allow_outside).places)

    def open(self, folder: Path, split: str) -> Dataset:
        path = _file(folder)
        about = _read(path, self.allow_outside) if path else _Yaml((), {}, 0)
        if split not in about.places:
            raise StreamdeqError(unknown("split", split, list(about.places)))
        places = about.places[split]
        for place in places:
            if not os.path.isdir(place) and not (os.path.isfile(place) and place.suffix == ".txt"):
                raise StreamdeqError(f"expected the folder {place}, {split} of {path}, found none; correct the file")
        lists = {place: list(_listed(place, self.allow_outside)) for place in places if place.is_file()}
        found = pictures({one for place in places for one in lists.get(place) or place.rglob("*")})
        if not found:
            raise StreamdeqError(f"expected pictures in {', '.join(map(str, places))}, found none; {SOURCE}")
        listed = [one.parent for files in lists.values() for one in files]
        above = Path(os.path.commonpath([*listed, *(place for place in places if place not in lists)]))
        labels = [_label_of(image) for image in found]
        if not any(label.is_file() for label in labels):
            raise StreamdeqError(
                f"expected labels of '{split}' in {labels[0].parent}, such as {labels[0].name}, found none of "
                f"{len(labels)}; put them there (an empty file says that nothing is in a picture)"
            )
        clips = tuple(_clip(image, above, about) for image in found)
        return own_dataset(folder.parent if folder.is_file() else folder, "detection", split, about.names, clips)


def _around(polygon: list[float]) -> tuple[float, float, float, float]:
    """Centre and size of x, y, x, y, …"""
    (left, right), (top, bottom) = ((min(side), max(side)) for side in (polygon[::2], polygon[1::2]))
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def _label_of(image: Path) -> Path:
    """The last `images` on the way becomes `labels`."""
    parts = list(image.with_suffix(".txt").parts)
    if "images" in parts:
        parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return Path(*parts)


def _listed(path: Path, outside: bool) -> Iterator[Path]:
    """The pictures that a text file lists, below its folder."""
    for number, line in enumerate(read_text(path).splitlines(), start=1):
        if line.strip():
            where = f"line {number} of {path}"
            if not os.path.isfile(found := below(path.parent, line.strip(), where, outside)):
                raise StreamdeqError(f"expected the picture {found}, {where}, found none; correct it")
            yield found


def _file(folder: Path) -> Path | None:
    """The file itself, that of a usual name, or the only one whose text has the keys."""
    if folder.is_file():
        return folder
    usual = next((folder / name for name in FILES if (folder / name).is_file()), None)
    others = [path for path in sorted(folder.glob("*.y*ml")) if path.is_file() and not usual and _has_keys(path)]
    return usual or (others[0] if len(others) == 1 else None)


def _has_keys(path: Path) -> bool:
    with suppress(StreamdeqError):
        text = read_bytes(path, MOST_YAML)
        return all(re.search(rb"^%s\s*:" % key, text, re.MULTILINE) for key in (b"names", b"train"))
    return False


def _read(path: Path, outside: bool) -> _Yaml:
    values = read_yaml(path)
    names = _names(values.get("names"), path)
    if str(values.get("nc") or len(names)) != str(len(names)):
        raise StreamdeqError(
            f"expected {values['nc']} names in {path}, as nc says, got {len(names)}; correct one of them"
        )
    folder = root = path.parent.absolute()
    if isinstance(values.get("path"), str) and os.path.isdir(root / values["path"]):
        root = below(folder, values["path"], str(path), outside)  # exports often carry the path of another machine
    places = {}
    for split in SPLITS:
        given = values.get(split) or []
        listed = [given] if isinstance(given, str) else given
        if not isinstance(listed, list) or not all(isinstance(one, str) and one for one in listed):
            raise StreamdeqError(f"expected a folder, or a list, as {split} in {path}, got {given}; correct it")
        if listed:
            places[split] = [_place(folder, root, one, path, outside) for one in listed]
    shape = values.get("kpt_shape") or []
    if not isinstance(shape, list) or not all(isinstance(one, str) and one.isdecimal() for one in shape):
        raise StreamdeqError(f"expected two numbers as kpt_shape in {path}, got {shape}; correct it")
    return _Yaml(names, places, math.prod(map(int, shape)) if shape else 0)


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


def _place(folder: Path, root: Path, given: str, path: Path, outside: bool) -> Path:
    inside = re.sub(r"^(\.\./)+", "", given)  # as some tools write them, one level too high
    higher = os.path.exists(root / given) and not os.path.exists(root / inside)
    place = below(folder, str(root / (given if higher else inside)), str(path), outside)
    if place != folder and folder.is_relative_to(place):  # `train: /` is the whole machine
        raise StreamdeqError(f"expected a folder of pictures in {path}, got {given}, which has the file itself in it")
    return place
