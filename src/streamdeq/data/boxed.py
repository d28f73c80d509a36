"""What readers of box files share: objects of a frame, boxes within their frame."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.values import UNKNOWN
from streamdeq.values.boxes import Boxes


@dataclass(frozen=True)
class Labelled:
    """An object as it stands in a file: left, top, right, bottom in pixels."""

    xyxy: tuple[float, float, float, float]
    label: int
    ignore: bool = False
    instance: int = UNKNOWN


def collect(objects: Iterable[Labelled]) -> Boxes:
    """The objects of one frame."""
    found = list(objects)
    return Boxes(
        np.array([one.xyxy for one in found], np.float32).reshape(-1, 4),
        np.array([one.label for one in found], np.int64),
        np.array([one.ignore for one in found], bool),
        np.array([one.instance for one in found], np.int64),
    )


def box_in_frame(
    xyxy: tuple[float, float, float, float], width: float, height: float, where: str
) -> tuple[float, float, float, float]:
    """The part of a box, in pixels, that lies in its frame.

    Args:
        where: the box, in words for the error: file and line.

    Raises:
        StreamdeqError: no numbers, negative sizes, nothing of it in the frame.
    """
    left, top, right, bottom = xyxy
    if not all(math.isfinite(value) for value in xyxy):
        raise StreamdeqError(f"expected a box of finite numbers in {where}, got {_text(xyxy)}; correct it")
    if right < left or bottom < top:
        size = f"{right - left:g} x {bottom - top:g}"
        raise StreamdeqError(f"expected a box of a width and height of at least 0 in {where}, got {size}; correct it")
    if right < 0 or bottom < 0 or left > width or top > height:
        raise StreamdeqError(
            f"expected a box in the frame of {width:g}x{height:g} pixels in {where}, got {_text(xyxy)} "
            "(left, top, right, bottom); correct it"
        )
    return max(0.0, left), max(0.0, top), min(width, right), min(height, bottom)


def numbers(values: Any, count: int) -> tuple[float, ...] | None:
    """`values` as so many numbers, or None."""
    good = isinstance(values, list | tuple) and len(values) == count
    if not good or not all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return None
    try:
        return tuple(float(value) for value in values)
    except OverflowError:  # whole numbers of more than 300 digits
        return None


def _text(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)
