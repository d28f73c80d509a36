"""Hands every answer of the server to whoever listens over HTTP. A listener that is slow loses answers, counted, and
holds up nobody."""

import asyncio
import threading
from collections import deque
from collections.abc import Collection
from types import TracebackType
from typing import Self

from streamdeq.results.record import Record, as_text, classes_of
from streamdeq.serving.server import Published, Server

#: Answers that wait for one listener.
DEPTH = 64
#: Frames of each camera that a page shows the steps of.
HISTORY = 60
#: How soon the end is noticed.
WAIT_S = 0.2


class Listener:
    """What waits for one client; made by `Hub.listen`, on the event loop that reads it.

    Attributes:
        lost: answers that there was no room for, in all.
    """

    def __init__(self, cameras: Collection[str], classes: Collection[str]) -> None:
        self.lost = 0
        self._cameras, self._classes = frozenset(cameras), frozenset(classes)
        self._waiting: deque[str] = deque()
        self._told = 0
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._there = asyncio.Event()

    def wants(self, record: Record) -> bool:
        return (not self._cameras or record["camera"] in self._cameras) and (
            not self._classes or not self._classes.isdisjoint(classes_of(record))
        )

    def offer(self, text: str) -> None:
        """On any thread: the oldest that waits makes room."""
        with self._lock:
            if len(self._waiting) == DEPTH:
                self._waiting.popleft()
                self.lost += 1
            self._waiting.append(text)
        self._loop.call_soon_threadsafe(self._there.set)

    async def next(self) -> tuple[str, int]:
        """The next answer as JSON, and how many were lost since the last one."""
        while True:
            with self._lock:
                if self._waiting:
                    lost, self._told = self.lost - self._told, self.lost
                    return self._waiting.popleft(), lost
                self._there.clear()
            await self._there.wait()


class Hub:
    """A subscription to `server` on a thread of its own.

    Attributes:
        lost: answers that some listener had no room for.
    """

    def __init__(self, server: Server) -> None:
        self.lost = 0
        self._server = server
        self._lock = threading.Lock()
        self._listeners: set[Listener] = set()
        self._points: dict[str, deque[tuple[int, int, float]]] = {}
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="hub", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        self._thread.join()

    def listen(self, cameras: Collection[str], classes: Collection[str] = ()) -> Listener:
        """Of these cameras, or of all; of answers that tell of these classes, or of all."""
        listener = Listener(cameras, classes)
        with self._lock:
            self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        with self._lock:
            self._listeners.discard(listener)
            self.lost += listener.lost

    def lost_in_all(self) -> int:
        with self._lock:
            return self.lost + sum(listener.lost for listener in self._listeners)

    def points(self, camera: str, since: int) -> list[tuple[int, int, float]]:
        """Of a camera's last frames after number `since`: the number, the steps, the delay over the deadline."""
        with self._lock:
            return [point for point in self._points.get(camera, ()) if point[0] > since]

    def _work(self) -> None:
        with self._server.subscribe() as subscription:
            while not self._closing:
                published = subscription.get(WAIT_S)
                if published is not None:
                    self._take(published)

    def _take(self, published: Published) -> None:
        delay = (published.answered_s - published.captured_s) / (published.deadline_s - published.captured_s)
        point = (published.result.status.frame_index, published.result.status.iterations, round(delay, 3))
        with self._lock:
            self._points.setdefault(published.camera, deque(maxlen=HISTORY)).append(point)
            listeners = list(self._listeners)
        if listeners:
            record = published.record()
            text = as_text(record)
            for listener in listeners:
                if listener.wants(record):
                    listener.offer(text)
