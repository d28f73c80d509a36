"""labelme's files: `NAME.json` beside `NAME.jpg`, one a picture.

Layout: the files up to three folders below the folder, or below `train/`, `val/`, `test/`. Classes are those of
`classes.txt` or `labels.txt` (labelme's own list) where there is one. Polygons, rectangles, circles and masks are
areas; label maps are painted in the order of the file, as labelme's own tool does. Key points are `point` shapes: the
label is the name of the point, and those with the same `group_id` belong to one instance, whose box is the rectangle of
that group if there is one. Lines are left out, which is told. The copy of the picture inside a file is not read.
"""

import base64
import io
import math
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from PIL import Image

from streamdeq.data.class_names import read_classes
from streamdeq.data.cvat_shapes import group_points
from streamdeq.data.documents import Json, Schema
from streamdeq.data.exports import AREA, BOX, POINTS, STILL_FPS, Drawing, Export, ExportReader, for_tasks, split_folders
from streamdeq.data.frames import PictureFiles
from streamdeq.data.pictures import PICTURES, size_of
from streamdeq.data.problems import Problems
from streamdeq.data.reader import below
from streamdeq.data.shapes import Shape, Sheet, outline, rle_of
from streamdeq.errors import StreamdeqError
from streamdeq.values import MAX_PIXELS, UNKNOWN

_KINDS = {"rectangle": BOX, "polygon": AREA, "circle": AREA, "mask": AREA, "point": POINTS}
_LEFT_OUT = frozenset({"line", "linestrip", "points"})
#: Files that are looked into for what kinds of shapes there are, and bytes of the first that say whose they are.
_SAMPLE, _HEAD = 100, 1 << 20
_CORNERS, _MOST_OTHERS, _DEPTH = 72, 20_000, 3


class _Drawn(Schema):
    expected = "label, points and shape_type of a shape"
    label: str
    points: Annotated[list[tuple[float, float]], Meta(description="pairs of numbers as points")]
    shape_type: str = "polygon"
    group_id: Any = None
    mask: Any = None


class _File(Schema):
    expected = "a file of labelme: shapes, imagePath"
    shapes: Annotated[list[_Drawn], Meta(description="labelme's list of shapes")]
    imagePath: str = ""  # noqa: N815
    imageHeight: Any = None  # noqa: N815
    imageWidth: Any = None  # noqa: N815


@for_tasks("labelme", "labelme")
class Labelme(ExportReader):
    expected = "labelme's NAME.json beside NAME.jpg"
    source = "label pictures in labelme, which writes NAME.json beside NAME.jpg; train/ and val/ are splits"

    def kinds(self, folder: Path) -> frozenset[str]:
        files = [path for place in split_folders(folder, _holds).values() for path in _files(place)][:_SAMPLE]
        texts = [path.read_bytes() if path.stat().st_size < 64 * _HEAD else b"" for path in files]
        found = {kind for name, kind in _KINDS.items() for text in texts if f'"{name}"'.encode() in text}
        return frozenset(found or ({AREA} if texts else ()))

    def splits(self, folder: Path) -> tuple[str, ...]:
        return tuple(split_folders(folder, _holds))

    def export(self, folder: Path, split: str) -> Export:
        clips, left, problems = list[Drawing](), Counter[str](), Problems()
        place = split_folders(folder, _holds)[split]
        for path in _files(place):
            with problems.collect():
                clips.append(self._clip(path, place, left))
        problems.tell()
        told = ", ".join(f"{count} {kind}" for kind, count in sorted(left.items()))
        notes = (f"{told} shapes of {place} are left out: they are no boxes, areas or points",) * bool(left)
        listed = next((one / "labels.txt" for one in (place, folder) if (one / "labels.txt").is_file()), None)
        labels = read_classes(listed).names if listed else ()
        return Export(tuple(clips), labels, notes=notes)

    def _clip(self, path: Path, place: Path, left: Counter[str]) -> Drawing:
        read: _File = Json(path).read(_File)
        picture = self._picture(path, read, place)
        size = _size(read) or size_of(picture)
        found, problems = list[Shape](), Problems()
        for number, one in enumerate(read.shapes, start=1):
            if one.shape_type in _LEFT_OUT:
                left[one.shape_type] += 1
                continue
            with problems.collect():
                found.append(_shape(one, size, f"{path}, shape {number}"))
        problems.tell()
        name = picture.relative_to(place).as_posix() if picture.is_relative_to(place) else picture.name
        return Drawing(name, STILL_FPS, PictureFiles((picture,)), {0: Sheet(_instances(found), size)}, path)

    def _picture(self, path: Path, read: _File, place: Path) -> Path:
        named = read.imagePath.replace("\\", "/")
        if named and (found := below(place, str(path.parent.relative_to(place) / named), str(path), True)).is_file():
            return below(place, str(path.parent.relative_to(place) / named), str(path), self.allow_outside)
        beside = [path.with_suffix(suffix) for suffix in sorted(PICTURES)]
        found = [one for one in (path.parent / Path(named).name, *beside) if one.is_file() and one != path]
        if not found:
            raise StreamdeqError(
                f"expected the picture '{named or path.stem}' of {path} beside it, found none; put it there"
            )
        return found[0]


def _holds(place: Path) -> bool:
    return place.is_dir() and bool(_files(place))


def _files(place: Path) -> list[Path]:
    """All in a folder, if the first is labelme's."""
    first = next(_texts(place, _MOST_OTHERS), None)
    return [path for path in _texts(place) if _is_export(path)] if first is not None and _is_export(first) else []


def _texts(place: Path, most: int | None = None) -> Iterator[Path]:
    """The files of JSON at most `_DEPTH` folders deep, by name, until `most` files were seen: folders of a million
    pictures are asked about, too, and those above anybody's film."""
    seen, deepest = 0, len(place.parts) + _DEPTH
    for root, folders, files in os.walk(place):
        folders[:] = sorted(folders) if len(Path(root).parts) < deepest else []
        for name in sorted(files):
            path = Path(root, name)
            if name.endswith(".json") and not name.startswith(".") and path.is_file():  # a pipe would be waited for
                yield path
        seen += len(files)
        if most is not None and seen > most:
            return


def _is_export(path: Path) -> bool:
    with path.open("rb") as file:
        return b'"shapes"' in (head := file.read(_HEAD)) and (b'"version"' in head or b'"imagePath"' in head)


def _size(read: _File) -> tuple[float, float] | None:
    height, width = read.imageHeight, read.imageWidth
    plain = all(isinstance(side, int | float) and not isinstance(side, bool) for side in (height, width))
    return (height, width) if plain and 0 < height < 1e6 and 0 < width < 1e6 else None


def _shape(one: _Drawn, size: tuple[float, float], where: str) -> Shape:
    numbers = [value for point in one.points for value in point]
    instance = one.group_id if isinstance(one.group_id, int) and 0 <= one.group_id < 2**31 else UNKNOWN
    wanted = {"rectangle": 2, "circle": 2, "mask": 2, "point": 1}.get(one.shape_type)
    if not all(map(math.isfinite, numbers)) or (wanted and len(one.points) < wanted):
        raise StreamdeqError(f"expected {wanted or 'some'} points of a {one.shape_type} in {where}; correct it")
    match one.shape_type:
        case "rectangle":
            return Shape(one.label, where, _around(one.points), instance=instance)
        case "polygon":
            return Shape(one.label, where, outlines=(outline(numbers, size, where),), instance=instance)
        case "circle":
            (x, y), (a, b) = one.points[:2]
            angles = np.arange(_CORNERS) * (2 * math.pi / _CORNERS)
            corners = np.stack([np.cos(angles), np.sin(angles)], axis=1) * math.hypot(a - x, b - y) + (x, y)
            return Shape(one.label, where, outlines=(outline(corners.ravel(), size, where),), instance=instance)
        case "mask":
            return Shape(one.label, where, rle=rle_of(_painted(one, size, where)), instance=instance)
        case "point":
            return Shape(one.label, where, points={"": one.points[0]}, instance=instance)
    raise StreamdeqError(
        f"expected a polygon, rectangle, circle, mask or point in {where}, got '{one.shape_type[:40]}'"
    )


def _around(points: list[tuple[float, float]]) -> tuple[float, float, float, float]:
    """labelme 5.5 writes two corners, later versions perhaps all four."""
    x, y = ([point[k] for point in points] for k in (0, 1))
    return min(x), min(y), max(x), max(y)


def _painted(one: _Drawn, size: tuple[float, float], where: str) -> np.ndarray:
    """(H, W) bool: the PNG in the shape, put where its box begins."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(one.mask)), formats=("PNG",)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError("a mask larger than a picture may be")
            part = np.array(picture.convert("L")) != 0
    except (OSError, ValueError, TypeError, SyntaxError) as error:
        raise StreamdeqError(f"expected a PNG as mask in {where}, got: {error}; save it again in labelme") from error
    left, top, *_ = (round(side) for side in _around(one.points))
    covered = np.zeros((round(size[0]), round(size[1])), bool)
    if left < 0 or top < 0 or top + part.shape[0] > covered.shape[0] or left + part.shape[1] > covered.shape[1]:
        raise StreamdeqError(f"expected a mask in the picture of {size[1]:g}x{size[0]:g} in {where}; correct it")
    covered[top : top + part.shape[0], left : left + part.shape[1]] = part
    return covered


def _instances(found: list[Shape]) -> tuple[Shape, ...]:
    """Points put together by group, in the box of their group."""
    boxes = {one.instance: one for one in found if one.box_xyxy is not None and one.instance != UNKNOWN}
    shapes = []
    for one in group_points(found):
        box = boxes.get(one.instance) if one.points and one.instance != UNKNOWN else None
        shapes.append(
            one if box is None else Shape(box.label, one.where, box.box_xyxy, points=one.points, instance=one.instance)
        )
    grouped = {one.instance for one in shapes if one.points and one.covers}
    return tuple(one for one in shapes if one.points or one.instance == UNKNOWN or one.instance not in grouped)
