"""What comes out of a source: frames, frames that could not be had, times without any. Knows no decoder, no model."""

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
        dropped_before: frames decoded since the last `Frame` and not handed out, for they came faster than they
            were taken or had grown stale; they have their own `index`. Always 0 for what is not live.
        captured_s: when its data arrived here, on the clock of `time.monotonic`; None for what is not live.
        file: of pictures that are files of their own: this one's path below the folder that has them all, with `/`.
    """

    image: np.ndarray
    index: int
    time_s: float
    pts: int | None = None
    time_base: Fraction | None = None
    decode_s: float = 0.0
    dropped_before: int = 0
    captured_s: float | None = None
    file: str = ""


@dataclass(frozen=True)
class Failure:
    """A frame that could not be decoded; `time_s` as in `Frame`, where it is known."""

    index: int
    reason: str
    time_s: float | None = None


@dataclass(frozen=True)
class Gap:
    """A live source was away, and is back: the next frame follows. No frame is invented for the time between.

    Args:
        seconds: from the last frame that arrived to the first that arrives again.
        reason: why it was away; holds no credentials.
    """

    seconds: float
    reason: str


#: What a source hands out.
Item = Frame | Failure | Gap
