"""What is labelled in a frame where animals or people have key points. Knows no file format, no model and no metric."""

from dataclasses import dataclass, field, replace

import numpy as np

from streamdeq.values import UNKNOWN


@dataclass(frozen=True, eq=False)
class Keypoints:
    """The instances of one frame, in the frame's own pixels; 0 is the middle of the first pixel.

    Args:
        xy: (N, K, 2) float32; what is not visible may be anything finite.
        visible: (N, K) bool, labelled: only these are trained on and counted.
        boxes_xyxy: (N, 4) float32, left, top, right, bottom, what a crop is made around.
        instances: (N,) int64, the same one has the same number in every frame of its clip; `UNKNOWN` if not said.
        head_px: (N,) float32, the length that PCKh is relative to; NaN if unknown.
        area_px: (N,) float32, of the instance, for the similarity of key points (OKS); NaN if unknown.
    """

    xy: np.ndarray
    visible: np.ndarray
    boxes_xyxy: np.ndarray
    instances: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    head_px: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    area_px: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))

    def __post_init__(self) -> None:
        count = len(self.xy)
        for name, value in (("instances", UNKNOWN), ("head_px", np.nan), ("area_px", np.nan)):
            given = getattr(self, name)
            if count and not len(given):
                object.__setattr__(self, name, np.full(count, value, given.dtype))
        if self.xy.ndim != 3 or self.xy.shape[2] != 2 or self.xy.dtype != np.float32:
            raise ValueError(f"xy must be (N, K, 2) float32; got {self.xy.shape} {self.xy.dtype}")
        if not np.isfinite(self.xy).all():
            raise ValueError("xy must be finite, also where nothing is visible")
        if self.visible.shape != self.xy.shape[:2] or self.visible.dtype != bool:
            raise ValueError(f"visible must be {self.xy.shape[:2]} bool; got {self.visible.shape} {self.visible.dtype}")
        if self.boxes_xyxy.shape != (count, 4) or not np.isfinite(self.boxes_xyxy).all():
            raise ValueError(f"boxes_xyxy must be ({count}, 4) and finite; got {self.boxes_xyxy.shape}")
        for name in ("instances", "head_px", "area_px"):
            if getattr(self, name).shape != (count,):
                raise ValueError(f"{name} must be ({count},); got {getattr(self, name).shape}")

    @staticmethod
    def none(points: int) -> "Keypoints":
        """A frame without instances."""
        return Keypoints(
            np.zeros((0, points, 2), np.float32), np.zeros((0, points), bool), np.zeros((0, 4), np.float32)
        )

    def __len__(self) -> int:
        return len(self.xy)

    def __getitem__(self, index: np.ndarray | slice | list[int]) -> "Keypoints":
        """Some of them: a mask, indices or a slice."""
        names = ("xy", "visible", "boxes_xyxy", "instances", "head_px", "area_px")
        return Keypoints(*(getattr(self, name)[index] for name in names))

    def shifted(self, left: float, top: float) -> "Keypoints":
        """In the pixels of a window whose corner is there."""
        by = np.array((left, top), np.float32)
        boxes = self.boxes_xyxy - np.tile(by, 2)
        return Keypoints(self.xy - by, self.visible, boxes, self.instances, self.head_px, self.area_px)

    def scaled(self, x: float, y: float) -> "Keypoints":
        """In the pixels of a frame that is so many times as wide and as high; 0 stays the middle of the first pixel."""
        by, half = np.array((x, y), np.float32), np.float32(0.5)
        head, area = self.head_px * np.float32(np.sqrt(x * y)), self.area_px * np.float32(x * y)
        xy = (self.xy + half) * by - half
        return replace(self, xy=xy, boxes_xyxy=self.boxes_xyxy * np.tile(by, 2), head_px=head, area_px=area)

    @property
    def box_px(self) -> np.ndarray:
        """(N,) the longer side of each box."""
        return (self.boxes_xyxy[:, 2:] - self.boxes_xyxy[:, :2]).max(axis=1, initial=0)


def boxes_around(xy: np.ndarray, visible: np.ndarray, frame_hw: tuple[int, int], least: float = 1 / 32) -> np.ndarray:
    """(N, 4) float32: the box of the visible points of each of (N, K, 2), at least a pixel wide and high.

    All of the frame where that is too small to say how large the instance is: of less than two points, or shorter than
    `least` of the frame's shorter side.
    """
    height, width = frame_hw
    boxes = np.tile(np.array((0, 0, width, height), np.float32), (len(xy), 1))
    for box, points, shown in zip(boxes, xy, visible, strict=True):
        low, high = points[shown].min(axis=0, initial=np.inf), points[shown].max(axis=0, initial=-np.inf)
        if shown.sum() > 1 and (high - low).max() >= least * min(frame_hw):
            flat = 0.5 * (high == low)  # points in a row, whose box would have no area
            box[:] = (*(low - flat), *(high + flat))
    return boxes


def head_length(box_xyxy: np.ndarray) -> float:
    """MPII's: 0.6 of the diagonal of the head's box."""
    return 0.6 * float(np.hypot(*(np.asarray(box_xyxy, float)[2:] - np.asarray(box_xyxy, float)[:2])))
