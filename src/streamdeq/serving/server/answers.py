"""Answers on a thread of their own: what the model says is decoded and handed over while the next steps are made."""

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import RLock
from time import perf_counter
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.serving.scheduler import Scheduler, Spent
from streamdeq.serving.server.published import Hub
from streamdeq.serving.server.served import Asked, ServedCamera

log = logging.getLogger("streamdeq.serving")


@dataclass(frozen=True, eq=False)
class Unread:
    """What a camera's answer is made of.

    Args:
        asked: what it is the answer to.
        answer: makes it.
    """

    camera: ServedCamera
    asked: Asked
    answer: Callable[[], Any]


class Answers:
    """Makes and hands over the answers of one tick at a time, in order."""

    def __init__(self, scheduler: Scheduler, lock: RLock, hub: Hub) -> None:
        self._scheduler, self._lock, self._hub = scheduler, lock, hub
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="answers")
        self._last: Future[None] | None = None

    def hand(self, answers: Iterable[Unread]) -> None:
        """Have these made, once those before are out: no camera has two at a time, and what waits has a bound."""
        self.wait()
        self._last = self._worker.submit(self._make, tuple(answers), perf_counter())

    def wait(self) -> None:
        """Until all are out."""
        if self._last is not None:
            self._last.result()

    def close(self) -> None:
        self._worker.shutdown()

    # -- the thread ------------------------------------------------------------------------------------------

    def _make(self, answers: Sequence[Unread], began_s: float) -> None:
        for one in answers:
            try:
                self._publish(one, began_s)
            except Exception as error:  # whatever it is, the other cameras go on
                failed([one.camera], error)
                with self._lock:
                    self._scheduler.lost_answer(one.camera.name)

    def _publish(self, one: Unread, began_s: float) -> None:
        answer = one.answer()
        decoded_s = perf_counter()
        published = one.camera.publish(one.asked, answer)
        done_s = perf_counter()
        with self._lock:
            pool = self._scheduler.pool(one.camera.name)
            self._scheduler.spent(pool, Spent(answers=1, answer_s=done_s - began_s))
            self._scheduler.published(one.camera.name, published.answered_s)
            one.camera.figures.add(published, done_s - decoded_s)
        self._hub.publish(published)


def failed(cameras: Sequence[ServedCamera], error: Exception) -> None:
    """Tell of an error that costs cameras a frame; their next ones begin from zeros."""
    level = logging.WARNING if isinstance(error, StreamdeqError) else logging.ERROR
    names = ", ".join(camera.name for camera in cameras)
    log.log(level, "camera %s: a frame failed: %s", names, error, exc_info=level == logging.ERROR)
    for row in (row for camera in cameras for row in camera.rows):
        row.forgets = True
