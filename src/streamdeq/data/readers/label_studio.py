"""Label Studio's JSON export: a list of tasks, with coordinates in per cent of the picture's sides.

Layout: the file (of any name) with the pictures below its folder or `images/`; what Label Studio put before the name of
an uploaded picture (`1a2b3c4d-NAME.jpg`) may be missing. Of several annotations of a picture the first that was not
cancelled counts, which is told; predictions do not. Splits are as `exports` says.

Rectangles (turned ones: the box around), polygons and ellipses are areas; later ones lie above. Key points are those
of a region (`parentID`, the rectangle that they are in, whose label is the class), else all of a picture are one
instance. Masks of the brush, whose form no small library reads, are refused; so is video, and JSON-MIN.
"""

import math
import re
from pathlib import Path, PurePosixPath
from typing import Annotated, Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np
from msgspec import Meta, field

from streamdeq.data.boxes import numbers
from streamdeq.data.documents import MOST_JSON, Json, Schema
from streamdeq.data.exports import (
    AREA,
    BOX,
    POINTS,
    STILL_FPS,
    Drawing,
    Export,
    ExportReader,
    Located,
    for_tasks,
    split_folders,
)  # fmt: skip
from streamdeq.data.frames import PictureFiles
from streamdeq.data.pictures import size_of
from streamdeq.data.problems import Problems
from streamdeq.data.shapes import Shape, Sheet, outline
from streamdeq.errors import StreamdeqError
from streamdeq.values import UNKNOWN

_KINDS = {b"rectanglelabels": BOX, b"polygonlabels": AREA, b"ellipselabels": AREA, b"keypointlabels": POINTS}
_LABELLED = (*(key.decode() for key in _KINDS), "labels", "brushlabels", "videorectangle")
_HEAD, _CORNERS = 1 << 16, 72


class _Annotation(Schema):
    expected = "an annotation with a list of results"
    result: Annotated[list[dict[str, Any]], Meta(description="a list of results")] = field(default_factory=list)
    was_cancelled: Any = False


class _Labelled(Schema):
    expected = "a task of Label Studio's JSON: data and annotations"
    data: Annotated[dict[str, Any], Meta(description="the data of a task")]
    annotations: Annotated[list[_Annotation], Meta(description="the annotations of a task")]


_Tasks = Annotated[list[_Labelled], Meta(description="Label Studio's list of tasks")]


@for_tasks("label-studio", "Label Studio")
class LabelStudio(ExportReader):
    expected = "a JSON export of Label Studio, with the pictures beside it or in images/"
    source = 'export "JSON" (not JSON-MIN) from Label Studio, and put the pictures into images/ beside it'
    suffixes = (".json",)

    def kinds(self, folder: Path) -> frozenset[str]:
        texts = [_text(path) for place in split_folders(folder, _holds).values() for path in _files(place)]
        found = frozenset(kind for text in texts for key, kind in _KINDS.items() if b'"%s"' % key in text)
        return found or frozenset({BOX} if texts else ())

    def splits(self, folder: Path) -> tuple[str, ...]:
        return tuple(split_folders(folder, _holds))

    def export(self, folder: Path, split: str) -> Export:
        place = split_folders(folder, _holds)[split]
        located = Located(place if place.is_dir() else place.parent, self.allow_outside)
        clips, problems, several = list[Drawing](), Problems(), 0
        for path in _files(place):
            for number, task in enumerate(Json(path).read(_Tasks), start=1):
                counted = [one for one in task.annotations if not one.was_cancelled]
                several += len(counted) > 1
                with problems.collect():
                    if counted:
                        clips.append(_clip(task.data, counted[0].result, located, path, f"{path}, entry {number}"))
        problems.tell()
        notes = (f"{several} pictures have several annotations: the first of each counts",) * bool(several)
        return Export(tuple(clips), notes=notes)


def _holds(place: Path) -> bool:
    return any(_files(place))


def _files(place: Path) -> list[Path]:
    listed = [place] if place.is_file() else sorted(place.glob("*.json")) if place.is_dir() else []
    return [path for path in listed if path.is_file() and path.suffix == ".json" and _is_export(path)]


def _is_export(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return head.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"[") and b'"annotations"' in head and b'"result"' in head


def _text(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_JSON)


def _clip(data: dict[str, Any], results: list[dict[str, Any]], located: Located, path: Path, where: str) -> Drawing:
    given = next((data[key] for key in ("image", "img", "url", "photo") if isinstance(data.get(key), str)), None)
    if given is None:
        texts = [value for value in data.values() if isinstance(value, str) and "." in PurePosixPath(value).name]
        given = texts[0] if len(texts) == 1 else None
    if given is None or "video" in data:
        raise StreamdeqError(f"expected the path of a picture as data.image in {where}, got {str(data)[:80]}")
    name = _path_of(given)
    last = PurePosixPath(name).name
    bare = re.sub(r"^[0-9a-f]{8}-", "", last)
    picture = located.find(name.removeprefix("/"), where, (bare,))
    shapes = _shapes(results, size_of(picture), where)
    return Drawing(bare, STILL_FPS, PictureFiles((picture,)), {0: Sheet(shapes, size_of(picture))}, path)


def _path_of(url: str) -> str:
    """`/data/upload/1/x.jpg`, `http://host/x.jpg`, `/data/local-files/?d=folder/x.jpg` → the path."""
    try:
        parts = urlsplit(url.replace("\\", "/"))
    except ValueError:
        return url
    inside = parse_qs(parts.query).get("d")
    return inside[0] if inside else unquote(parts.path)


def _shapes(results: list[dict[str, Any]], size: tuple[int, int], where: str) -> tuple[Shape, ...]:
    found, problems = dict[str, Shape](), Problems()
    points: dict[str, dict[str, tuple[float, float] | None]] = {}
    for k, one in enumerate(results, start=1):
        kind, value, at = one.get("type"), one.get("value"), f"{where}, result {k}"
        with problems.collect():
            if kind not in _LABELLED or not isinstance(value, dict):
                continue  # choices, text, relations
            labels = value.get(kind)
            label = labels[0] if isinstance(labels, list) and labels and isinstance(labels[0], str) else ""
            if not label:
                raise StreamdeqError(f"expected a label in {at}, got {str(labels)[:60]}; give the region one")
            if kind == "keypointlabels":
                _add_point(points.setdefault(str(one.get("parentID") or ""), {}), label, value, size, at)
            else:
                found[str(one.get("id") or k)] = _area(kind, label, value, size, at)
    problems.tell()
    for number, (parent, marked) in enumerate(points.items()):
        box = found.pop(parent, None)
        corners = None if box is None else box.box()
        label = "instance" if box is None else box.label
        found[f"points {number}"] = Shape(label, where, corners, points=marked, instance=number if parent else UNKNOWN)
    return tuple(found.values())


def _add_point(to: dict[str, Any], name: str, value: dict[str, Any], size: tuple[int, int], where: str) -> None:
    if name in to:
        raise StreamdeqError(
            f"expected each key point once per instance, got '{name}' again in {where}; put the points of each "
            "instance into a rectangle of its own (parentID)"
        )
    [x, y] = _numbers(value, ("x", "y"), where)
    to[name] = (x * size[1] / 100, y * size[0] / 100)


def _numbers(value: dict[str, Any], keys: tuple[str, ...], where: str) -> list[float]:
    got = numbers([value.get(key) for key in keys], len(keys))
    if got is None or not all(map(math.isfinite, got)) or not all(-100 <= one <= 200 for one in got):
        given = {key: value.get(key) for key in keys}
        raise StreamdeqError(
            f"expected per cent as {', '.join(keys)} in {where}, got {str(given)[:80]}; export it again"
        )
    return list(got)


def _area(kind: str, label: str, value: dict[str, Any], size: tuple[int, int], where: str) -> Shape:
    height, width = size
    if kind == "brushlabels" or "rle" in value:
        raise StreamdeqError(
            f"expected rectangles, polygons, ellipses or key points, got a mask of the brush in {where}; draw "
            'polygons, or export "Brush labels to PNG" and use the PNGs as labels/ beside images/'
        )
    if kind == "videorectangle" or "sequence" in value:
        raise StreamdeqError(
            f"expected labels of a picture, got a video's in {where}; export its frames from CVAT, or as MOT"
        )
    if "points" in value:
        given = value["points"]
        pairs = [numbers(pair, 2) for pair in given] if isinstance(given, list) else [None]
        if None in pairs:
            raise StreamdeqError(
                f"expected pairs of numbers as points in {where}, got {str(given)[:60]}; export it again"
            )
        flat = [share * side / 100 for pair in pairs if pair for share, side in zip(pair, (width, height), strict=True)]
        return Shape(label, where, outlines=(outline(flat, size, where),))
    if "radiusX" in value:
        x, y, across, down = _numbers(value, ("x", "y", "radiusX", "radiusY"), where)
        angles = np.arange(_CORNERS) * (2 * math.pi / _CORNERS)
        corners = np.stack([x + across * np.cos(angles), y + down * np.sin(angles)], axis=1) * (
            width / 100,
            height / 100,
        )
        middle = np.array([x * width / 100, y * height / 100])
        return Shape(label, where, outlines=(outline(_turned(corners, middle, value, where).ravel(), size, where),))
    x, y, across, down = _numbers(value, ("x", "y", "width", "height"), where)
    left, top, right, bottom = x * width / 100, y * height / 100, (x + across) * width / 100, (y + down) * height / 100
    if not value.get("rotation"):
        return Shape(label, where, (left, top, right, bottom))
    corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    return Shape(label, where, outlines=(outline(_turned(corners, corners[0], value, where).ravel(), size, where),))


def _turned(corners: np.ndarray, about: np.ndarray, value: dict[str, Any], where: str) -> np.ndarray:
    """Clockwise on the screen: a rectangle turns about its left upper corner, an ellipse about its middle."""
    got = numbers([value.get("rotation") or 0], 1)
    if got is None or not math.isfinite(got[0]):
        raise StreamdeqError(f"expected degrees as rotation in {where}, got {str(value.get('rotation'))[:40]}")
    angle = math.radians(got[0])
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    return (corners - about) @ turn.T + about
