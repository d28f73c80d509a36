"""Where a frame's pixels lie on the canvas a model sees, and back. Knows no tensors and no model.

frame (as decoded) ── a window of it, or all ── scaled ──► content, top-left on the canvas ── zeros ──► canvas
"""

from dataclasses import dataclass

import numpy as np

from streamdeq.errors import StreamdeqError

HW = tuple[int, int]


@dataclass(frozen=True)
class Window:
    """A rectangle of whole pixels, right and bottom exclusive. It may lie partly or wholly outside the frame."""

    left: int
    top: int
    right: int
    bottom: int

    def __post_init__(self) -> None:
        if self.right <= self.left or self.bottom <= self.top:
            raise ValueError(f"a window must have an area; got {self}")

    @staticmethod
    def around(box_xyxy: np.ndarray, padding: float = 1.25) -> "Window":
        """The square around the middle of a box whose side is `padding` times the box's longer one."""
        left, top, right, bottom = (float(value) for value in box_xyxy)
        side = max(1, round(padding * max(right - left, bottom - top)))
        corner = round((left + right - side) / 2), round((top + bottom - side) / 2)
        return Window(*corner, corner[0] + side, corner[1] + side)

    @property
    def hw(self) -> HW:
        return self.bottom - self.top, self.right - self.left

    def cut(self, image: np.ndarray) -> np.ndarray:
        """What it shows of (H, W, 3): (h, w, 3), black where it leaves the frame."""
        h, w = image.shape[:2]
        top, bottom = np.clip((self.top, self.bottom), 0, h)
        left, right = np.clip((self.left, self.right), 0, w)
        if (left, top, right, bottom) == (self.left, self.top, self.right, self.bottom):
            return image[top:bottom, left:right]
        shown = np.zeros((*self.hw, image.shape[2]), image.dtype)
        inside = image[top:bottom, left:right]
        y, x = int(top) - self.top, int(left) - self.left
        if inside.size:
            shown[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
        return shown


@dataclass(frozen=True)
class Geometry:
    """Sizes in pixels, (height, width). The map from frame to canvas is a scale per axis, after the window's shift.

    Args:
        window: what of the frame is seen; None for all of it.
    """

    frame_hw: HW
    content_hw: HW
    canvas_hw: HW
    window: Window | None = None

    @staticmethod
    def fit(
        frame_hw: HW, shorter_side: int | None, stride: int, window: Window | None = None, longest: int | None = None
    ) -> "Geometry":
        """Scale so that the shorter side is `shorter_side` (None: keep the frame's own size), pad to `stride`.

        Args:
            window: only that of the frame is seen.
            longest: the longer side is at most this; where it would be longer, the shorter one is less.

        Raises:
            StreamdeqError: an empty frame or one more than 16 times as long as wide.
        """
        h, w = frame_hw if window is None else window.hw
        if min(h, w) < 1 or max(h, w) > 16 * min(h, w):
            raise StreamdeqError(f"a frame of {w}x{h} pixels cannot be processed: too thin or empty")
        scale = 1.0 if shorter_side is None else shorter_side / min(h, w)
        if longest is not None:
            scale = min(scale, longest / max(h, w))
        content = max(1, round(h * scale)), max(1, round(w * scale))
        return Geometry(frame_hw, content, (_up(content[0], stride), _up(content[1], stride)), window)

    @property
    def seen_hw(self) -> HW:
        """The size of what is seen, in the frame's pixels."""
        return self.frame_hw if self.window is None else self.window.hw

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Canvas pixels per frame pixel, along x and y."""
        return self.content_hw[1] / self.seen_hw[1], self.content_hw[0] / self.seen_hw[0]

    def carries(self, before: "Geometry") -> bool:
        """Whether a latent of `before` can be gone on with: same canvas, and windows of it or the whole frame both."""
        if (self.window is None) != (before.window is None):
            return False
        same = self.window is not None or self.frame_hw == before.frame_hw
        return same and (self.content_hw, self.canvas_hw) == (before.content_hw, before.canvas_hw)

    def seen_from(self, before: "Geometry") -> list[tuple[float, float]]:
        """Per axis, x first, the scale and shift from this canvas to where its window lay on the canvas before, in
        coordinates where either canvas is -1 to 1."""
        assert before.window is not None
        assert self.window is not None
        corners = ((before.window.left, self.window.left), (before.window.top, self.window.top))
        maps = []
        for axis, (corner_before, corner_now) in enumerate(corners):
            scale = before.scale_xy[axis] / self.scale_xy[axis]
            shift = 2 * (corner_now - corner_before) * before.scale_xy[axis] / self.canvas_hw[1 - axis]
            maps.append((scale, scale - 1 + shift))
        return maps

    def to_frame(self, points_xy: np.ndarray) -> np.ndarray:
        """Points (..., 2) of the canvas in the frame's pixels. 0 is the middle of the first pixel in both."""
        shift = (0, 0) if self.window is None else (self.window.left, self.window.top)
        return (points_xy + 0.5) / np.array(self.scale_xy) - 0.5 + np.array(shift)

    def to_canvas(self, points_xy: np.ndarray) -> np.ndarray:
        """The inverse of `to_frame`."""
        shift = (0, 0) if self.window is None else (self.window.left, self.window.top)
        return (points_xy - np.array(shift) + 0.5) * np.array(self.scale_xy) - 0.5

    @property
    def uncropped_hw(self) -> HW:
        """The size a whole canvas has at the frame's scale, corners aligned: resize canvas maps to this, keep the
        frame's part at the top left. Rounded to a pixel, so the far edge is off by half a pixel at the most."""
        return (
            _aligned(self.frame_hw[0], self.content_hw[0], self.canvas_hw[0]),
            _aligned(self.frame_hw[1], self.content_hw[1], self.canvas_hw[1]),
        )


def _up(length: int, stride: int) -> int:
    return -(-length // stride) * stride


def _aligned(frame: int, content: int, canvas: int) -> int:
    if content == canvas:
        return frame
    return max(frame, 1 + round((frame - 1) * (canvas - 1) / max(content - 1, 1)))
