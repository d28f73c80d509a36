"""Where a frame's pixels lie on the canvas a model sees, and back. Knows no tensors and no model.

frame (as decoded) ── scaled, aspect kept ──► content, top-left on the canvas ── zeros right and below ──► canvas
"""

from dataclasses import dataclass

from streamdeq.errors import StreamdeqError

HW = tuple[int, int]


@dataclass(frozen=True)
class Geometry:
    """Sizes in pixels, (height, width). The map from frame to canvas is a scale per axis without shift."""

    frame_hw: HW
    content_hw: HW
    canvas_hw: HW

    @staticmethod
    def fit(frame_hw: HW, shorter_side: int | None, stride: int) -> "Geometry":
        """Scale so that the shorter side is `shorter_side` (None: keep the frame's own size), pad to `stride`.

        Raises:
            StreamdeqError: an empty frame or one more than 16 times as long as wide.
        """
        h, w = frame_hw
        if min(h, w) < 1 or max(h, w) > 16 * min(h, w):
            raise StreamdeqError(f"a frame of {w}x{h} pixels cannot be processed: too thin or empty")
        scale = 1.0 if shorter_side is None else shorter_side / min(h, w)
        content = max(1, round(h * scale)), max(1, round(w * scale))
        return Geometry(frame_hw, content, (_up(content[0], stride), _up(content[1], stride)))

    @property
    def scale_xy(self) -> tuple[float, float]:
        """Canvas pixels per frame pixel, along x and y."""
        return self.content_hw[1] / self.frame_hw[1], self.content_hw[0] / self.frame_hw[0]

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
