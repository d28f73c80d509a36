"""Read a source ahead in a background thread."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from streamdeq.values.frame import Frame, Item
from streamdeq.video.queues import BoundedQueue
from streamdeq.video.source import Source

# How long a stopped thread may go unnoticed; a running one never waits for this.
POLL_S = 0.05
# How long to wait for a source that is busy with one frame.
CLOSE_TIMEOUT_S = 0.4


class Finished:
    """The source has ended: well, or with an error."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error


class Prefetched(Source):
    """The same source, decoded up to `depth` frames ahead while the consumer works (PyAV releases the GIL).

    Order and content are kept. An error of the source is raised where the consumer would have met it. Closing it
    closes the source; the thread ends with it, whether or not the source was read to its end.
    """

    def __init__(self, source: Source, depth: int) -> None:
        super().__init__(source.info)
        self._source = source
        self._queue: BoundedQueue[Item | Finished] = BoundedQueue(depth)
        self._stop = threading.Event()
        # A daemon: a source stuck in a system call must not keep the program from ending.
        self._thread = threading.Thread(target=self._produce, name=f"prefetch {source.name}", daemon=True)

    def _items(self) -> Iterator[Item]:
        if self._stop.is_set():
            return
        if self._thread.ident is None:
            self._thread.start()
        try:
            while not isinstance(item := self._queue.get(), Finished):
                yield item
                del item  # a picture is not held while the next is waited for
            self.stats.note = self._source.stats.note
            if item.error is not None:
                raise item.error
        finally:
            self._halt()

    def close(self) -> None:
        # Closing under a thread that is still inside would crash it; left alone, it ends with the program.
        if self._halt():
            self._source.close()
        else:
            self._queue.put(Finished(), timeout_s=0)  # whoever waits for an idle pipe waits no longer

    def _produce(self) -> None:
        end = Finished()
        try:
            for item in self._source:
                if not self._put(item):
                    return
                del item
        except BaseException as error:  # whatever it is, the consumer must hear of it
            end = Finished(error)
        self._put(end)

    def _put(self, item: Item | Finished) -> bool:
        """Once there is room for another one like it; False when nobody takes items any more."""
        size = item.image.nbytes if isinstance(item, Frame) else 0
        return self._until(lambda: self._queue.put(item, size, POLL_S)) and self._until(
            lambda: self._queue.wait(size, POLL_S)
        )

    def _until(self, done: Callable[[], bool]) -> bool:
        while not self._stop.is_set():
            if done():
                return True
        return False

    def _halt(self) -> bool:
        """Ask the thread to end; False if it is stuck in the source."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_TIMEOUT_S)
        return not self._thread.is_alive()


def prefetch(source: Source, depth: int = 3) -> Source:
    """Wrap `source` so that up to `depth` frames wait decoded; memory grows by that many frames and no more.

    A live source is given back as it is: it is read by a process of its own, and what waits grows stale.
    """
    return source if source.live else Prefetched(source, depth)
