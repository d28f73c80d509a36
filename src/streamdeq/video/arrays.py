"""Pictures that are already in memory, as a source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from fractions import Fraction

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.pictures import as_rgb
from streamdeq.values.frame import Failure, Frame
from streamdeq.video.source import SourceInfo, StoredSource, frame_step, timed


def array_source(arrays: Iterable[np.ndarray], fps: float | None = None) -> StoredSource:
    """Any iterable of (H, W, 3) uint8 RGB arrays, or what `as_rgb` makes them of: a list, a (T, H, W, 3) array, a
    generator.

    The arrays are handed on as they are; a generator must not write into one it has given away.

    Args:
        arrays: the pictures in order.
        fps: frames per second, for arrays have no time.

    Raises while iterating:
        StreamdeqError: an item has another shape or type.
    """
    step = frame_step(fps)
    count = len(arrays) if isinstance(arrays, Sized) else None
    info = SourceInfo("arrays", "arrays", fps=float(1 / step), frames=count, time_base=step)
    return StoredSource(info, timed(_frames(arrays, step)), lambda: None)


def _frames(arrays: Iterable[np.ndarray], step: Fraction) -> Iterator[Frame | Failure]:
    index = 0
    for array in arrays:  # `enumerate` would hold what it has given while the next is made
        yield Frame(checked_rgb(array, index), index, float(index * step), index, step)
        del array
        index += 1  # noqa: SIM113


def checked_rgb(array: object, index: int) -> np.ndarray:
    """As `as_rgb` makes it, else an error that says which frame it is."""
    try:
        return as_rgb(array)
    except StreamdeqError as error:
        raise StreamdeqError(f"frame {index}: {error}: convert it first") from None
