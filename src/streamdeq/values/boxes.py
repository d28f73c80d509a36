"""What is labelled in a frame where objects are boxes. Knows no file format, no model and no metric."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from streamdeq.values import UNKNOWN

_ARRAYS = ("xyxy", "labels", "ignore", "instances", "motion")


@dataclass(frozen=True, eq=False)
class Boxes:
    """The objects of one frame, in the frame's own pixels.

    A box whose width or height is 0 shows nothing: it is kept as it was labelled, is not trained on and counts nowhere.

    Args:
        xyxy: (N, 4) float32, left, top, right, bottom; the frame is 0…W by 0…H.
        labels: (N,) int64, index into the data set's classes.
        ignore: (N,) bool, neither to be found nor wrong to find: crowds, doubtful ones.
        instances: (N,) int64, the same object has the same number in every frame of its clip; `UNKNOWN` if not said.
        motion: (N,) float32, how well an object covers itself in the frames around (see `data.boxes`); NaN if unknown.
    """

    xyxy: np.ndarray
    labels: np.ndarray
    ignore: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))
    instances: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    motion: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))

    def __post_init__(self) -> None:
        count = len(self.labels)
        for name, value in (("ignore", False), ("instances", UNKNOWN), ("motion", np.nan)):
            given = getattr(self, name)
            if count and not len(given):
                object.__setattr__(self, name, np.full(count, value, given.dtype))
        if self.xyxy.shape != (count, 4) or self.xyxy.dtype != np.float32:
            raise ValueError(f"xyxy must be ({count}, 4) float32; got {self.xyxy.shape} {self.xyxy.dtype}")
        for name in ("labels", "ignore", "instances", "motion"):
            if getattr(self, name).shape != (count,):
                raise ValueError(f"{name} must be ({count},); got {getattr(self, name).shape}")
        if count and (not np.isfinite(self.xyxy).all() or (self.xyxy[:, 2:] < self.xyxy[:, :2]).any()):
            raise ValueError("boxes must be finite with left <= right and top <= bottom")

    @staticmethod
    def none() -> "Boxes":
        """A frame without objects."""
        return Boxes(np.zeros((0, 4), np.float32), np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: np.ndarray | slice) -> "Boxes":
        """Some of them: a mask, indices or a slice."""
        return Boxes(*(getattr(self, name)[index] for name in _ARRAYS))

    def copy(self) -> "Boxes":
        return Boxes(*(getattr(self, name).copy() for name in _ARRAYS))

    def scaled(self, x: float, y: float) -> "Boxes":
        """In the pixels of a frame that is so many times as wide and as high."""
        return replace(self, xyxy=self.xyxy * np.array((x, y, x, y), np.float32))

    @property
    def nbytes(self) -> int:
        return sum(getattr(self, name).nbytes for name in _ARRAYS)

    @property
    def visible(self) -> np.ndarray:
        """(N,) bool: those with an area."""
        return np.all(self.xyxy[:, 2:] > self.xyxy[:, :2], axis=1)


class Located(NamedTuple):
    """Boxes (N, 4), left, top, right, bottom in the frame's pixels; ids (N,) where whoever gives them knows them.

    `UNKNOWN` is the id of a box that a tracker is not sure of yet: it is left out.
    """

    boxes_xyxy: np.ndarray
    ids: np.ndarray | None = None


def pairwise_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of (N, 4) and (M, 4) boxes xyxy: (N, M) float64, 0 where a box has no area."""
    a, b = a.astype(np.float64), b.astype(np.float64)
    overlap = np.minimum(a[:, None, 2:], b[None, :, 2:]) - np.maximum(a[:, None, :2], b[None, :, :2])
    common = overlap.clip(min=0).prod(axis=2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(axis=1) for boxes in (a, b)]
    union = areas[0][:, None] + areas[1][None] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def centred(boxes_xyxy: np.ndarray, width: float, height: float) -> tuple[np.ndarray, np.ndarray]:
    """(N, 4) pixels → the middles (N, 2) and the sizes (N, 2) in shares of a frame of this size."""
    scale = np.array([width, height], np.float64)
    low, high = boxes_xyxy[:, :2] / scale, boxes_xyxy[:, 2:] / scale
    return (low + high) / 2, high - low
