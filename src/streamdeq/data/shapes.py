"""What somebody drew on a picture, whatever tool wrote it, and what a task makes of it: boxes, a label map, key points.

A label map has one class per pixel, so shapes are painted one after another, and what is painted later lies above.
The order is `Shape.rank`, then that of the file: a tool in which shapes have an order of their own sets ranks by that;
where order means nothing (COCO, YOLO) the rank is `-area`, so that the smaller lies on the larger.

A polygon covers a pixel as COCO's masks do (faster-coco-eval's rasteriser, which gives pycocotools' pixels); a box
covers the pixels whose middle is in it. Pixels that nothing covers are of the class `background`, which is put before
the others unless the labels name one themselves (`GROUND`); where they name `__ignore__` (`IGNORED`) and no background,
uncovered pixels are ignored. What is drawn as `__ignore__` is ignored and no class.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from streamdeq.data.base import IGNORE_INDEX
from streamdeq.data.boxes import LabelledBox, box_in_frame, collect
from streamdeq.errors import StreamdeqError
from streamdeq.values import UNKNOWN
from streamdeq.values.boxes import Boxes
from streamdeq.values.keypoints import Keypoints, boxes_around

GROUND = ("background", "_background_", "__background__")
IGNORED = ("__ignore__", "_ignore_")

Corners = tuple[float, float, float, float]
Size = tuple[int, int]
#: COCO's own form of a mask: `size` (height, width) and `counts`, a list or compressed text.
Rle = dict[str, Any]
_UNREADABLE = (ValueError, RuntimeError, TypeError, KeyError, MemoryError)


@dataclass(frozen=True, eq=False, slots=True)
class Shape:
    """An object as it was drawn, in pixels of its picture: a box, or an area by outlines or a mask, or points.

    Args:
        where: file and line, in words for an error.
        box_xyxy: left, top, right, bottom; None where only an area or points were drawn.
        outlines: (n, 2) each, the corners of a polygon; several are parts of one object.
        points: x and y by name; None where a point is not labelled.
        rank: what is painted above what: the lowest first.
    """

    label: str
    where: str
    box_xyxy: Corners | None = None
    outlines: tuple[np.ndarray, ...] = ()
    rle: Rle | None = None
    points: Mapping[str, tuple[float, float] | None] = field(default_factory=dict)
    instance: int = UNKNOWN
    ignore: bool = False
    rank: float = 0.0

    @property
    def covers(self) -> bool:
        """Whether it has an area."""
        return bool(self.box_xyxy is not None or self.outlines or self.rle is not None)

    def box(self) -> Corners:
        """The box that was drawn, else that around the area."""
        if self.box_xyxy is not None:
            return self.box_xyxy
        if self.outlines:
            corners = np.concatenate(self.outlines)
            (left, top), (right, bottom) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
            return left, top, right, bottom
        left, top, width, height = (float(side) for side in _masks().toBbox([self._compressed()])[0])
        return left, top, left + width, top + height

    def by_area(self) -> "Shape":
        """Ranked so that the smaller lies on the larger, and what is ignored below all."""
        if self.ignore:
            return replace(self, rank=-np.inf)
        if self.rle is not None:
            return replace(self, rank=-float(_masks().area([self._compressed()])[0]))
        if self.outlines:
            return replace(self, rank=-sum(map(_area_of, self.outlines)))
        left, top, right, bottom = self.box()
        return replace(self, rank=-(right - left) * (bottom - top))

    def pixels(self, size_hw: Size) -> np.ndarray:
        """(H, W) bool of a picture of this size: what it covers.

        Raises:
            StreamdeqError: the mask is none of that size.
        """
        if self.rle is None and not self.outlines:
            return _rectangle(self.box(), size_hw)
        try:
            compressed = self._compressed() if self.rle is not None else _outlined(self.outlines, size_hw)
            covered = _masks().decode([compressed])[:, :, 0] != 0
        except _UNREADABLE as error:
            raise self._refusal(error) from error
        return covered if covered.shape == size_hw else _resized(covered, size_hw)

    def _compressed(self) -> Rle:
        given = self.rle or {}
        try:
            if isinstance(given["counts"], str | bytes):
                return given
            height, width = given["size"]
            return _masks().frPyObjects([given], height, width)[0]
        except _UNREADABLE as error:
            raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> StreamdeqError:
        return StreamdeqError(f"expected a mask of the picture's size in {self.where}, got: {error}; correct it")

    def scaled(self, x: float, y: float) -> "Shape":
        """In the pixels of a picture that is so many times as wide and as high; the mask is when it is painted."""
        by = np.array((x, y))
        box = self.box_xyxy
        points = {
            name: None if at is None else ((at[0] + 0.5) * x - 0.5, (at[1] + 0.5) * y - 0.5)
            for name, at in self.points.items()
        }
        corners = None if box is None else (box[0] * x, box[1] * y, box[2] * x, box[3] * y)
        return replace(self, box_xyxy=corners, outlines=tuple(one * by for one in self.outlines), points=points)


@dataclass(frozen=True, eq=False, slots=True)
class Sheet:
    """What was drawn on one picture of that size (height, width)."""

    shapes: tuple[Shape, ...]
    size_hw: tuple[float, float]

    def scaled(self, x: float, y: float) -> "Sheet":
        height, width = self.size_hw
        return Sheet(tuple(one.scaled(x, y) for one in self.shapes), (height * y, width * x))


def boxes_on(sheet: Sheet, classes: tuple[str, ...]) -> Boxes:
    """Whatever covers anything, as boxes within the picture.

    Raises:
        StreamdeqError: a box, or an area, that has nothing of it in the picture.
    """
    height, width = sheet.size_hw
    found = []
    for one in sheet.shapes:
        if one.covers and not (one.label in GROUND and one.label not in classes):
            box = box_in_frame(one.box(), width, height, one.where)
            ignore = one.ignore or one.label in IGNORED
            label = classes.index(one.label) if one.label in classes else 0
            found.append(LabelledBox(box, label, ignore, one.instance))
    return collect(found)


def map_on(sheet: Sheet, classes: tuple[str, ...], uncovered: int, size_hw: Size) -> np.ndarray:
    """(H, W) uint8: class indices, 255 ignored, `uncovered` where nothing is."""
    values = np.full(size_hw, uncovered, np.uint8)
    for one in sorted(sheet.shapes, key=lambda one: one.rank):
        if one.covers:
            value = IGNORE_INDEX if one.ignore or one.label in IGNORED else classes.index(one.label)
            values[one.pixels(size_hw)] = value
    return values


def painted(classes: tuple[str, ...], uncovered: int) -> Callable[[Sheet, Size], np.ndarray]:
    """`map_on` for these."""
    return lambda sheet, size_hw: map_on(sheet, classes, uncovered, size_hw)


def points_on(sheet: Sheet, names: tuple[str, ...], size_hw: Size) -> Keypoints:
    """Whoever has points, each in the box that was drawn, else in that of the visible points."""
    shown = [one for one in sheet.shapes if one.points and not one.ignore]
    xy = np.zeros((len(shown), len(names), 2), np.float32)
    visible = np.zeros(xy.shape[:2], bool)
    for n, one in enumerate(shown):
        for name, at in one.points.items():
            if at is not None:
                k = names.index(name)
                xy[n, k], visible[n, k] = at, True
    boxes = boxes_around(xy, visible, size_hw)
    height, width = size_hw
    for n, one in enumerate(shown):
        if one.covers and (box := box_in_frame(one.box(), width, height, one.where)) and _has_area(box):
            boxes[n] = box
    return Keypoints(xy, visible, boxes, np.array([one.instance for one in shown], np.int64))


def semantic(labels: Iterable[str]) -> tuple[tuple[str, ...], int]:
    """The classes of label maps that labels make, and the value of pixels that nothing covers."""
    given = tuple(labels)
    classes = tuple(name for name in given if name not in IGNORED)
    ground = next((name for name in classes if name in GROUND), None)
    if ground is not None:
        return classes, classes.index(ground)
    return (classes, IGNORE_INDEX) if len(classes) < len(given) else ((GROUND[0], *classes), 0)


def _area_of(corners: np.ndarray) -> float:
    """Of a polygon, in square pixels (the shoelace formula)."""
    x, y = corners[:, 0], corners[:, 1]
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def outline(numbers: Iterable[float], size_hw: tuple[float, float], where: str) -> np.ndarray:
    """x, y, x, y, … as (n, 2).

    Raises:
        StreamdeqError: less than three corners, or one farther from the picture than the picture is large.
    """
    flat = np.array(list(numbers), np.float64)
    if len(flat) < 6 or len(flat) % 2:
        raise StreamdeqError(f"expected a polygon of at least 3 corners x, y in {where}, got {len(flat)} numbers")
    corners, (height, width) = flat.reshape(-1, 2), size_hw
    if not (np.isfinite(corners).all() and (np.abs(corners - (width / 2, height / 2)) <= 1.5 * max(size_hw)).all()):
        raise StreamdeqError(f"expected a polygon in the picture of {width:g}x{height:g} pixels in {where}; correct it")
    return corners


def rle_of(mask: np.ndarray) -> Rle:
    """COCO's compressed form of an (H, W) bool mask."""
    return _masks().encode(np.asfortranarray(mask, np.uint8))


def _outlined(outlines: tuple[np.ndarray, ...], size_hw: Size) -> Rle:
    masks = _masks()
    return masks.merge(masks.frPyObjects([one.ravel().tolist() for one in outlines], *size_hw))


def _rectangle(box: Corners, size_hw: Size) -> np.ndarray:
    covered = np.zeros(size_hw, bool)
    left, top, right, bottom = (max(0, int(np.ceil(min(side, max(size_hw)) - 0.5))) for side in box)
    covered[top:bottom, left:right] = True
    return covered


def _resized(covered: np.ndarray, size_hw: Size) -> np.ndarray:
    """The nearest pixel of each."""
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(int) for new, old in zip(size_hw, covered.shape, strict=True)
    )
    return covered[rows][:, columns]


def _has_area(box: Corners) -> bool:
    return box[2] > box[0] and box[3] > box[1]


def _masks() -> Any:
    """Imported where a mask is: it brings OpenCV along, where that is installed."""
    from faster_coco_eval.core import mask

    return mask
