"""How much objects move: how well each covers itself in the frames around. Knows no file format."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from streamdeq.values import UNKNOWN
from streamdeq.values.boxes import Boxes, pairwise_iou

#: Frames before and after (Zhu et al., Flow-Guided Feature Aggregation, 2017).
REACH = 10


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
