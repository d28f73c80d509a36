"""What comes out of a source: frames, and the frames that could not be had. Knows no decoder and no model."""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a video.

    Args:
        image: (H, W, 3) uint8 RGB, upright.
        index: 0-based number in decode order; failures take numbers too.
        time_s: presentation time in seconds.
        pts, time_base: the container's own time stamp and its unit in seconds, where it has one.
        decode_s: seconds spent on decoding it.
    """

    image: np.ndarray
    index: int
    time_s: float
    pts: int | None = None
    time_base: Fraction | None = None
    decode_s: float = 0.0


@dataclass(frozen=True)
class Failure:
    """A frame that could not be decoded."""

    index: int
    reason: str
