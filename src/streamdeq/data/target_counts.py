"""What a target shows of each class, whatever kind of target it is.

A new kind of target registers a function here, and `data check` can tell about it.
"""

from collections import Counter
from dataclasses import dataclass, field
from functools import singledispatch
from typing import Any

import numpy as np

from streamdeq.data.base import IGNORE_INDEX
from streamdeq.errors import StreamdeqError
from streamdeq.values.boxes import Boxes
from streamdeq.values.keypoints import Keypoints


@dataclass(frozen=True)
class Counts:
    """How many of what: by class index, and how many that do not count."""

    unit: str = ""
    counts: Counter[int] = field(default_factory=Counter)
    ignored: int = 0


@singledispatch
def count(target: Any, image: np.ndarray, where: str) -> Counts:
    """What `target`, of the picture `image` (H, W, 3), shows; nothing if its kind is unknown.

    Args:
        where: the frame, in words for the error.

    Raises:
        StreamdeqError: the two do not belong together.
    """
    return Counts()


@count.register
def _(target: np.ndarray, image: np.ndarray, where: str) -> Counts:
    if target.shape != image.shape[:2]:
        raise StreamdeqError(
            f"expected {where} and its label map to be equally large, "
            f"got {image.shape[1]}x{image.shape[0]} and {target.shape[1]}x{target.shape[0]}; replace one of them"
        )
    counts = Counter({int(value): int(n) for value, n in zip(*np.unique(target, return_counts=True), strict=True)})
    return Counts("labelled pixels", counts, counts.pop(IGNORE_INDEX, 0))


@count.register
def _(target: Boxes, image: np.ndarray, where: str) -> Counts:
    height, width = image.shape[:2]
    outside = (target.xyxy < -1) | (target.xyxy > np.array([width, height, width, height]) + 1)
    if outside.any():
        box = target.xyxy[outside.any(axis=1)][0].round(1).tolist()
        raise StreamdeqError(
            f"expected boxes within the {width}x{height} pixels of {where}, got {box} (left, top, right, bottom); "
            "is the picture of another size than the one that was labelled?"
        )
    counted = ~target.ignore & target.visible
    return Counts("boxes", Counter(target.labels[counted].tolist()), int((~counted).sum()))


@count.register
def _(target: Keypoints, image: np.ndarray, where: str) -> Counts:
    height, width = image.shape[:2]
    outside = target.visible & ((target.xy < -1) | (target.xy > np.array([width, height]))).any(axis=2)
    if outside.any():
        point = target.xy[outside][0].round(1).tolist()
        raise StreamdeqError(
            f"expected visible key points within the {width}x{height} pixels of {where}, got {point}; "
            "is the picture of another size than the one that was labelled?"
        )
    counts = Counter({k: int(n) for k, n in enumerate(target.visible.sum(axis=0)) if n})
    return Counts("visible key points", counts, int((~target.visible).sum()))
