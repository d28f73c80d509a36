"""Where tracked objects were in the last frames, drawn as lines."""

from collections import deque
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from streamdeq.tasks.detection.draw import COLOURS
from streamdeq.tasks.detection.result import Detections
from streamdeq.values import UNKNOWN

#: Frames that are remembered.
LENGTH = 40
Paths = dict[int, tuple[tuple[float, float], ...]]


class Trails:
    """Follows the middle of each object's lower edge; who was not seen for `LENGTH` frames is forgotten."""

    def __init__(self) -> None:
        self._frames: deque[dict[int, tuple[float, float]]] = deque(maxlen=LENGTH)

    def see(self, result: Any) -> Paths:
        """The paths of the objects in a frame, which comes after those before; none without ids."""
        if not isinstance(result, Detections) or result.ids is None:
            return {}
        feet = zip(result.ids.tolist(), result.boxes_xyxy.tolist(), strict=True)
        here = {own: ((box[0] + box[2]) / 2, box[3]) for own, box in feet if own != UNKNOWN}
        self._frames.append(here)
        return {own: tuple(frame[own] for frame in self._frames if own in frame) for own in here}


def draw_trails(image: np.ndarray, paths: Paths) -> np.ndarray:
    """A copy of (H, W, 3) uint8 RGB with them."""
    picture = Image.fromarray(image)
    draw, width = ImageDraw.Draw(picture), max(2, min(image.shape[:2]) // 240)
    for own, path in paths.items():
        if len(path) > 1:
            draw.line(path, fill=COLOURS[own % len(COLOURS)], width=width, joint="curve")
    return np.array(picture)
