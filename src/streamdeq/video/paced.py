"""A stored source as a camera: each frame when its time has come, and from the beginning again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from streamdeq.values.frame import Failure, Frame, Item
from streamdeq.video.source import FALLBACK_FPS, Source

#: Who is behind by more does not catch up: a camera has no past.
LATEST_S = 1.0


class Paced(Source):
    """The frames of what `reopen` opens, by our clock at their own rate; frames and times go on at every beginning.

    Args:
        source: the first time through; what it says of itself is said of this.
        reopen: opens it again; None to play it once.
        now: a monotonic clock in seconds, `time.monotonic` but for tests.
    """

    def __init__(
        self, source: Source, reopen: Callable[[], Source] | None = None, now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(replace(source.info, live=True, frames=None, time_base=None))
        self._source, self._reopen, self._now = source, reopen, now
        self._stop = threading.Event()
        self._next, self._ended_s, self._zero_s = 0, 0.0, 0.0

    def close(self) -> None:
        """From any thread: the next wait ends, and with it the iteration, which closes what it reads."""
        self._stop.set()

    def _items(self) -> Iterator[Item]:
        self._zero_s = self._now()
        source: Source | None = self._source
        while source is not None and not self._stop.is_set():
            with source:
                yield from self._once(source)
            again = self._reopen is not None and not self._stop.is_set()
            source = self._reopen() if again and self._reopen is not None else None

    def _once(self, source: Source) -> Iterator[Item]:
        first, began_s, step_s = self._next, self._ended_s, 1 / (source.fps or FALLBACK_FPS)
        for item in source:
            if isinstance(item, Frame):
                at_s = began_s + item.time_s
                self._wait(at_s)
                self._next, self._ended_s = first + item.index + 1, max(self._ended_s, at_s + step_s)
                item = replace(
                    item, index=first + item.index, time_s=at_s, pts=None, time_base=None, captured_s=self._now()
                )
            elif isinstance(item, Failure):
                self._next = first + item.index + 1
                item = replace(item, index=first + item.index)
            if self._stop.is_set():
                return
            yield item
            del item

    def _wait(self, at_s: float) -> None:
        """Until a frame's time has come."""
        left_s = self._zero_s + at_s - self._now()
        if left_s < -LATEST_S:
            self._zero_s -= left_s
        elif left_s > 0:
            self._stop.wait(left_s)
