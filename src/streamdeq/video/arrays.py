"""Pictures that are already in memory, as a source. Knows numpy only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Failure, Frame
from streamdeq.video.source import Source, SourceInfo, frame_step, timed


class ArraySource(Source):
    """Any iterable of (H, W, 3) uint8 RGB arrays: a list, a (T, H, W, 3) array, a generator.

    The arrays are handed on as they are; a generator must not write into one it has given away.

    Args:
        arrays: the pictures in order.
        fps: frames per second, for arrays have no time.

    Raises while iterating:
        StreamdeqError: an item has another shape or type.
    """

    def __init__(self, arrays: Iterable[np.ndarray], fps: float | None = None) -> None:
        self._step = frame_step(fps)
        frames = len(arrays) if isinstance(arrays, Sized) else None
        super().__init__(SourceInfo("arrays", "arrays", False, float(1 / self._step), frames, None, self._step))
        self._rest = timed(self._wrap(arrays))

    def _items(self) -> Iterator[Frame | Failure]:
        yield from self._rest

    def close(self) -> None:
        self._rest = iter(())

    def _wrap(self, arrays: Iterable[np.ndarray]) -> Iterator[Frame | Failure]:
        for index, array in enumerate(arrays):
            yield Frame(checked_rgb(array, index), index, float(index * self._step), index, self._step)


def checked_rgb(array: object, index: int) -> np.ndarray:
    """`array` if it is a (H, W, 3) uint8 picture, else an error that says what it is."""
    if not isinstance(array, np.ndarray):
        came = type(array).__name__
    elif array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or not array.size:
        came = f"{array.dtype} {tuple(array.shape)}"
    else:
        return array
    raise StreamdeqError(f"frame {index}: expected an RGB array, uint8 (H, W, 3), got {came}: convert it first")
