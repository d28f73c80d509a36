"""Write in a background thread, so that encoding overlaps with computing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from streamdeq.video.queues import WAITING_BYTES, BoundedQueue
from streamdeq.video.sinks.base import Sink

T = TypeVar("T")


class ThreadedSink(Sink[T]):
    """Any sink, written to by a thread of its own, up to `depth` items behind.

    Items must not be changed after they were handed over. When the queue is full, `write` waits: memory stays
    bounded. An error of the inner sink is raised by every later `write` and by `close`; items after it are dropped.

    Args:
        depth: items that may wait.
        size_of: bytes of an item: what waits is bounded by them too, together by `waiting`.

    Attributes:
        busy_s: seconds the inner sink has worked so far.
    """

    def __init__(
        self,
        sink: Sink[T],
        depth: int = 8,
        size_of: Callable[[T], int] = lambda item: 0,
        waiting: int = WAITING_BYTES,
    ) -> None:
        self._sink = sink
        self._size_of = size_of
        self._queue: BoundedQueue[T | None] = BoundedQueue(depth, waiting)
        self._error: BaseException | None = None
        self._closed = False
        self.busy_s = 0.0
        self._thread = threading.Thread(target=self._work, name=f"write {type(sink).__name__}", daemon=True)
        self._thread.start()

    def write(self, item: T) -> None:
        if self._error is not None:
            raise self._error
        size = self._size_of(item)
        self._queue.put(item, size)
        self._queue.wait(size)  # of large pictures none is made while one waits

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        self._sink.close()
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            if self._error is not None:
                continue  # the producer must not block on a queue that nobody empties
            started_s = time.perf_counter()
            try:
                self._sink.write(item)
            except BaseException as error:
                self._error = error
            del item  # a picture is not held while the next is waited for
            self.busy_s += time.perf_counter() - started_s
