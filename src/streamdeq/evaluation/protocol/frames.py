"""The pictures and targets of an evaluation, decoded once as long as memory allows."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from streamdeq.data.base import Clip
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.plan import Sample
from streamdeq.values.frame import Frame

LIMIT_BYTES = 1 << 30


class FrameCache:
    """Frames of clips by number. What was not asked for longest is thrown out: streams pass through once, in order.

    Frames and targets are handed out as they are held: do not write into them.
    """

    def __init__(self, clips: Sequence[Clip], limit_bytes: int = LIMIT_BYTES) -> None:
        self._clips = clips
        self._limit_bytes = limit_bytes
        self._held: OrderedDict[tuple[str, Sample], Any] = OrderedDict()
        self._held_bytes = 0

    def frame(self, sample: Sample) -> Frame:
        """The picture, with its number and time in its clip."""
        clip = self._clips[sample.clip]
        image = self._get("image", sample, clip.image)
        return Frame(image, sample.t, sample.t / clip.fps)

    def target(self, sample: Sample) -> Any:
        """The ground truth in the frame's own pixels.

        Raises:
            StreamdeqError: a label map of another size than its picture.
        """
        clip = self._clips[sample.clip]
        target, image = self._get("target", sample, clip.target), self.frame(sample).image
        if _is_label_map(target) and target.shape != image.shape[:2]:
            raise StreamdeqError(
                f"expected the labels of frame {sample.t} of clip '{clip.name}' to have the size of its picture, "
                f"{_size(image)}, got {_size(target)}; results are never resized to labels: fix the data set"
            )
        return target

    def _get(self, kind: str, sample: Sample, load: Callable[[int], Any]) -> Any:
        key = (kind, sample)
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key]
        value = load(sample.t)
        self._held[key] = value
        self._held_bytes += _bytes(value)
        while self._held_bytes > self._limit_bytes and len(self._held) > 1:
            _, oldest = self._held.popitem(last=False)
            self._held_bytes -= _bytes(oldest)
        return value


def _is_label_map(target: Any) -> bool:
    return isinstance(target, np.ndarray) and target.ndim == 2 and target.dtype == np.uint8


def _bytes(value: Any) -> int:
    return value.nbytes if isinstance(value, np.ndarray) else 0


def _size(array: np.ndarray) -> str:
    return f"{array.shape[1]}x{array.shape[0]}"
