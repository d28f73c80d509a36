"""Draws depth in place of its frame: near is bright, far is dark, on a logarithmic scale with a legend."""

from functools import lru_cache

import numpy as np

from streamdeq.tasks.depth.result import Depth
from streamdeq.tasks.drawing import check_frame, painted, put_legend
from streamdeq.values.look import USUAL, Look

NEAREST_M, FARTHEST_M = 2.0, 100.0
MARKS_M = (2, 5, 10, 20, 50, 100)
#: Near to far: RGB, of even steps of lightness.
_RAMP = ((252, 253, 191), (254, 159, 109), (222, 73, 104), (140, 41, 129), (59, 15, 112), (0, 0, 4))


def depth_map(image: np.ndarray, result: Depth, look: Look = USUAL) -> np.ndarray:
    """(H, W, 3) uint8 RGB, as a new array; the legend's numbers are metres.

    Raises:
        StreamdeqError: the picture is not the frame that the depth is of.
    """
    check_frame(image, result.depth_m.shape, "depths")
    picture = colours(result.depth_m)
    marks = colours(np.array(MARKS_M, np.float32)).tolist()
    if "legend" in look.draw:
        put_legend(picture, [(f"{m} m", (r, g, b)) for m, (r, g, b) in zip(MARKS_M, marks, strict=True)])
    return picture


def colours(depth_m: np.ndarray) -> np.ndarray:
    """(H, W) metres → (H, W, 3) uint8 RGB; what is nearer or farther than the scale has its end's colour."""
    place = np.log(depth_m / NEAREST_M) * (255 / np.log(FARTHEST_M / NEAREST_M))
    return painted(place.clip(0, 255).astype(np.uint8), _table())


@lru_cache
def _table() -> np.ndarray:
    """(256, 3) uint8."""
    places = np.linspace(0, len(_RAMP) - 1, 256)
    columns = [np.interp(places, range(len(_RAMP)), column) for column in zip(*_RAMP, strict=True)]
    return np.stack(columns, axis=1).round().astype(np.uint8)
