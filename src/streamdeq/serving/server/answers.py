"""Answers on a thread of their own: what the model says is decoded and handed over while the next steps are made."""

import logging
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from threading import RLock
from time import perf_counter
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.serving.scheduler import Scheduler, Spent
from streamdeq.serving.server.published import Hub, Published
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
        self._changed = threading.Condition()
        self._at_hand: tuple[Unread, ...] = ()
        self._began_s = 0.0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="answers", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def hand(self, answers: Iterable[Unread]) -> None:
        """Have these made, once those before are out: what waits has a bound."""
        self.wait()
        with self._changed:
            self._at_hand, self._began_s = tuple(answers), perf_counter()
            self._changed.notify_all()

    def wait(self) -> None:
        """Until all are out."""
        with self._changed:
            self._changed.wait_for(lambda: not self._at_hand)

    def close(self) -> None:
        """Once all are out."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    # -- the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while self._wait_for_some():
            for one in self._at_hand:
                self._make(one)
            with self._changed:
                self._at_hand = ()
                self._changed.notify_all()

    def _wait_for_some(self) -> bool:
        """False at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._at_hand or self._stopping)
            return bool(self._at_hand)

    def _make(self, one: Unread) -> None:
        try:
            published = self._published(one)
        except Exception as error:  # whatever it is, the other cameras go on
            failed([one.camera], error)
            with self._lock:
                self._scheduler.lost_answer(one.camera.name)
        else:
            self._hub.publish(published)

    def _published(self, one: Unread) -> Published:
        answer = one.answer()
        decoded_s = perf_counter()
        published = one.camera.publish(one.asked, answer)
        done_s = perf_counter()
        with self._lock:
            one.camera.figures.add(published, done_s - decoded_s)
            pool = self._scheduler.pool(one.camera.name)
            self._scheduler.spent(pool, Spent(answers=1, answer_s=done_s - self._began_s))
            self._scheduler.published(one.camera.name, published.answered_s)
        return published


def failed(cameras: Sequence[ServedCamera], error: Exception) -> None:
    """Tell of an error that costs cameras a frame; their next ones begin from zeros."""
    level = logging.WARNING if isinstance(error, StreamdeqError) else logging.ERROR
    names = ", ".join(camera.name for camera in cameras)
    log.log(level, "camera %s: a frame failed: %s", names, error, exc_info=level == logging.ERROR)
    for row in (row for camera in cameras for row in camera.rows):
        row.forgets = True
