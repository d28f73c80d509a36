"""The names of classes: those in a user's own list, and those of ImageNet-VID, which files of several formats have.

`classes.txt` has one class per line, the first is index 0: `name`, or `name R G B` (0..255). What tools write around
that is taken off: a first line `name,r,g,b`, or `__ignore__` (labelme's, for 255), and numbers that count all lines
from 0. `classes.json` is a list of names or of `{"name": "road", "color": [128, 64, 128]}`. Classes without a colour
get one. There, `"value": 255` says which value of label pictures means the class, where it is not the class's index.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from msgspec import Meta

from streamdeq.data.base import IGNORE_INDEX
from streamdeq.data.documents import Json, Schema
from streamdeq.errors import StreamdeqError
from streamdeq.reading import read_text
from streamdeq.values.palette import distinct_colours

#: WordNet's number and the name of every class of ImageNet-VID, in the order of the authors' outputs.
IMAGENET_VID = {
    "n02691156": "airplane", "n02419796": "antelope", "n02131653": "bear", "n02834778": "bicycle", "n01503061": "bird",
    "n02924116": "bus", "n02958343": "car", "n02402425": "cattle", "n02084071": "dog", "n02121808": "domestic cat",
    "n02503517": "elephant", "n02118333": "fox", "n02510455": "giant panda", "n02342885": "hamster",
    "n02374451": "horse", "n02129165": "lion", "n01674464": "lizard", "n02484322": "monkey", "n03790512": "motorcycle",
    "n02324045": "rabbit", "n02509815": "red panda", "n02411705": "sheep", "n01726692": "snake",
    "n02355227": "squirrel", "n02129604": "tiger", "n04468005": "train", "n01662784": "turtle",
    "n04530566": "watercraft", "n02062744": "whale", "n02391049": "zebra",
}  # fmt: skip
FILES = ("classes.txt", "classes.json")

_HEADING = re.compile(r"name[\s,;]+r[\s,;]+g[\s,;]+b|__ignore__", re.IGNORECASE)
_LINE = re.compile(r"(?P<name>\S.*?)(?P<colour>(?:[\s,]+\d+){3})?")

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Classes:
    names: tuple[str, ...]
    palette: tuple[Colour, ...]
    values: tuple[int, ...]
    stated: bool = False
    """Whether the file says a value of any."""


def classes_file(folder: Path) -> Path | None:
    """The file in `folder` that names the classes."""
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def read_classes(path: Path) -> Classes:
    """The classes in `path`, 1 to 255 of them, each name once."""
    entries = _from_json(path) if path.suffix == ".json" else _from_text(path)
    names = tuple(entry.name for entry in entries)
    if not 1 <= len(names) <= IGNORE_INDEX:
        raise StreamdeqError(f"expected 1 to {IGNORE_INDEX} classes in {path}, got {len(names)}; correct it")
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise StreamdeqError(f"expected each class once in {path}, got '{double}' twice; rename one")
    spare = distinct_colours(len(names))
    values = tuple(k if entry.value is None else entry.value for k, entry in enumerate(entries))
    if len(set(values)) < len(values):
        raise StreamdeqError(f"expected a value of its own for each class in {path}, got {list(values)}; correct it")
    stated = any(entry.value is not None for entry in entries)
    return Classes(
        names, tuple(entry.color or other for entry, other in zip(entries, spare, strict=True)), values, stated
    )


_COLOUR = "a colour of three whole numbers 0..255"
_Byte = Annotated[int, Meta(ge=0, le=255)]


class _Entry(Schema, forbid_unknown_fields=True):
    expected = '"name" or {"name": …, "color": [R, G, B]}'
    name: str
    color: Annotated[tuple[_Byte, _Byte, _Byte] | None, Meta(description=_COLOUR)] = None
    value: Annotated[_Byte | None, Meta(description="a whole number 0..255 as value")] = None


_Entries = Annotated[list[str | _Entry], Meta(description="a list of classes")]


def _from_json(path: Path) -> list[_Entry]:
    entries = Json(path, first=0).read(_Entries)
    return [_Entry(entry) if isinstance(entry, str) else entry for entry in entries]


def _from_text(path: Path) -> list[_Entry]:
    entries, lines = [], read_text(path).rstrip().splitlines()
    first = 1 + bool(_HEADING.fullmatch(lines[0].strip()) if lines else None)
    lines = lines[first - 1 :]
    counted = [re.fullmatch(rf"{k}[\s,:]+([^\d\s].*)", line.strip()) for k, line in enumerate(lines)]
    if all(counted):
        lines = [match[1] for match in counted if match]
    for number, line in enumerate(lines, start=first):
        match = _LINE.fullmatch(line.strip())
        if match is None:  # a skipped line would shift the index of all classes after it
            raise StreamdeqError(f"expected a class in line {number} of {path}, got an empty line; remove it")
        colour: Any = tuple(int(value) for value in re.findall(r"\d+", match["colour"] or ""))
        if any(value > 255 for value in colour):
            raise StreamdeqError(f"expected {_COLOUR} in line {number} of {path}, got {list(colour)}; correct it")
        entries.append(_Entry(match["name"].rstrip(","), colour or None))
    return entries
