"""Any frame of a film, for clips that lie in one. Knows PyAV only through `video`, and no labels."""

from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from threading import Lock

import numpy as np

from streamdeq.data.base import Place
from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Frame
from streamdeq.video import open_source

#: Decoded frames that are kept: a little more than a chain of the protocol goes back.
KEPT = 24


class Film:
    """Frames by number, in decode order from 0. Cheap forwards and within the last `KEPT`; else it begins anew."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._frames: Iterator[Frame] | None = None
        self._held: OrderedDict[int, np.ndarray] = OrderedDict()
        self._next = 0
        self._lock = Lock()

    def __call__(self, t: int) -> np.ndarray:
        with self._lock:
            if t not in self._held:
                self._go_to(t)
            return self._held[t].copy()

    def place(self, t: int) -> Place:
        return self.path, t

    def _go_to(self, t: int) -> None:
        if self._frames is None or t < self._next:
            self._frames, self._next = self._decode(), 0
        for frame in self._frames:
            self._held[frame.index] = frame.image
            self._held.move_to_end(frame.index)
            self._next = frame.index + 1
            if len(self._held) > KEPT:
                self._held.popitem(last=False)
            if frame.index == t:
                return
        self._frames = None
        raise StreamdeqError(f"expected a frame number {t} in {self.path}, which has {self._next} frames")

    def _decode(self) -> Iterator[Frame]:
        with open_source(self.path) as items:
            for item in items:
                if isinstance(item, Frame):
                    yield item
