"""The classes of a user's own data: names, and colours where they are given. Knows no pictures.

`classes.txt` has one class per line, the first is index 0: `name`, or `name R G B` (0..255). `classes.json` is a list
of names or of `{"name": "road", "color": [128, 64, 128]}`. Classes without a colour get one.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamdeq.data.base import IGNORE_INDEX
from streamdeq.errors import StreamdeqError
from streamdeq.models.palette import distinct_colours

FILES = ("classes.txt", "classes.json")

_LINE = re.compile(r"(?P<name>\S.*?)(?P<colour>(?:[\s,]+\d+){3})?")

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Classes:
    names: tuple[str, ...]
    palette: tuple[Colour, ...]


def classes_file(folder: Path) -> Path | None:
    """The file in `folder` that names the classes."""
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def read_classes(path: Path) -> Classes:
    """The classes in `path`, 1 to 255 of them, each name once."""
    entries = _from_json(path) if path.suffix == ".json" else _from_text(path)
    names = tuple(name for name, _ in entries)
    if not 1 <= len(names) <= IGNORE_INDEX:
        raise StreamdeqError(f"expected 1 to {IGNORE_INDEX} classes in {path}, got {len(names)}; correct it")
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise StreamdeqError(f"expected each class once in {path}, got '{double}' twice; rename one")
    spare = distinct_colours(len(names))
    return Classes(names, tuple(colour or other for (_, colour), other in zip(entries, spare, strict=True)))


def read_text(path: Path) -> str:
    """The UTF-8 text in `path`, with or without a byte order mark."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise StreamdeqError(
            f"expected UTF-8 text in {path}, got byte {error.start} that is none; save it so"
        ) from error


def _from_text(path: Path) -> list[tuple[str, Colour | None]]:
    entries = []
    for number, line in enumerate(read_text(path).rstrip().splitlines(), start=1):
        match = _LINE.fullmatch(line.strip())
        if match is None:  # a skipped line would shift the index of all classes after it
            raise StreamdeqError(f"expected a class in line {number} of {path}, got an empty line; remove it")
        colour = match["colour"]
        values = [int(value) for value in re.findall(r"\d+", colour)] if colour else None
        entries.append((match["name"].rstrip(","), _colour(values, f"line {number} of {path}")))
    return entries


def _from_json(path: Path) -> list[tuple[str, Colour | None]]:
    try:
        entries = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise StreamdeqError(f"expected JSON in {path}, got: {error}; correct it") from error
    if not isinstance(entries, list):
        raise StreamdeqError(f"expected a list of classes in {path}, got {type(entries).__name__}; correct it")
    return [_entry(entry, f"entry {number} of {path}") for number, entry in enumerate(entries)]


def _entry(entry: Any, where: str) -> tuple[str, Colour | None]:
    given = {"name": entry} if isinstance(entry, str) else entry
    if not isinstance(given, dict) or not isinstance(given.get("name"), str) or set(given) - {"name", "color"}:
        raise StreamdeqError(
            f'expected "name" or {{"name": …, "color": [R, G, B]}} in {where}, got {json.dumps(entry)}'
        )
    return given["name"], _colour(given.get("color"), where)


def _colour(values: Any, where: str) -> Colour | None:
    if values is None:
        return None
    if (
        not isinstance(values, list)
        or len(values) != 3
        or not all(isinstance(value, int) and 0 <= value <= 255 for value in values)
    ):
        raise StreamdeqError(f"expected a colour of three whole numbers 0..255 in {where}, got {values}; correct it")
    return values[0], values[1], values[2]
