"""Labelled boxes: those of a frame put together, checked against its size, and how much their objects move."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.values import UNKNOWN
from streamdeq.values.boxes import Boxes, pairwise_iou

#: Frames before and after in which an object's motion shows (Zhu et al., Flow-Guided Feature Aggregation, 2017).
REACH = 10


@dataclass(frozen=True)
class LabelledBox:
    """An object as it stands in a file: left, top, right, bottom in pixels."""

    xyxy: tuple[float, float, float, float]
    label: int
    ignore: bool = False
    instance: int = UNKNOWN


def collect(objects: Iterable[LabelledBox]) -> Boxes:
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


def with_motion(frames: Mapping[int, Boxes], wanted: Iterable[int] | None = None) -> dict[int, Boxes]:
    """The frames of one clip, by number (or those `wanted`), with the motion IoU of every object known by an instance.

    The motion IoU is the mean IoU of an object's box with its own boxes in the `REACH` frames before and after, those
    in which it is labelled; NaN where there is none.
    """
    chosen = frames if wanted is None else wanted
    return {t: replace(frames[t], motion=_motion(t, frames[t], frames)) for t in chosen}


def _motion(t: int, boxes: Boxes, frames: Mapping[int, Boxes]) -> np.ndarray:
    total, count = np.zeros(len(boxes)), np.zeros(len(boxes))
    for other in (frames[u] for u in range(t - REACH, t + REACH + 1) if u != t and u in frames):
        same = (boxes.instances[:, None] == other.instances[None]) & (boxes.instances[:, None] != UNKNOWN)
        if same.any():
            total += (pairwise_iou(boxes.xyxy, other.xyxy) * same).sum(axis=1)
            count += same.any(axis=1)
    return np.divide(total, count, out=np.full(len(boxes), np.nan), where=count > 0).astype(np.float32)
