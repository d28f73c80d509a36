"""Answers on their way out: to whoever asks for the latest one, and to subscriptions, which are bounded."""

import threading
import time
from collections import deque
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from streamdeq.results.record import WALL_S, Record, answer_record
from streamdeq.rules.config import Rules
from streamdeq.tasks import Task
from streamdeq.values.frame import Frame


@dataclass(frozen=True, eq=False)
class Published:
    """An answer. Times are on the clock of `time.monotonic`.

    Args:
        frame: what it is about, as it may be seen.
        result: the task's own, as the camera wants it.
        captured_s: when the frame arrived.
        answered_s: when the answer was there.
        deadline_s: when it would have been late.
        task: of its model.
        rules: of the camera.
    """

    camera: str
    frame: Frame
    result: Any
    captured_s: float
    answered_s: float
    deadline_s: float
    task: Task
    rules: Rules | None = None

    @property
    def in_time(self) -> bool:
        return self.answered_s <= self.deadline_s

    @property
    def stages_s(self) -> dict[str, float]:
        """Seconds that each stage of the frame took."""
        status = self.result.status
        return {
            "decode": self.frame.decode_s,
            "locate": status.locate_s or 0.0,
            "inject": status.inject_s,
            "solve": status.solve_s,
            "head": status.read_s,
        }

    @cached_property
    def _record(self) -> Record:
        return answer_record(
            self.task,
            self.result,
            camera=self.camera,
            at=WALL_S + self.answered_s,
            stages_s=self.stages_s,
            dropped_before=self.frame.dropped_before,
            age_s=self.answered_s - self.captured_s,
        )

    def record(self) -> Record:
        """What is told of it outside the program; made once, and shared: not to be written to."""
        return self._record

    def picture(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB: the frame with the answer drawn on it; takes milliseconds."""
        return self.task.draw(self.frame.image, self.result)


class Subscription:
    """The answers of all cameras, from now on; of those that nobody takes the oldest are lost, and counted.

    Attributes:
        lost: how many.
    """

    def __init__(self, hub: "Hub", depth: int) -> None:
        self.lost = 0
        self._hub = hub
        self._waiting: deque[Published] = deque()
        self._depth = depth
        self._changed = threading.Condition()
        self._closed = False

    def get(self, timeout: float | None = None) -> Published | None:
        """The next answer; None if none came within `timeout` seconds, or the subscription is `closed`."""
        until_s = None if timeout is None else time.monotonic() + timeout
        with self._changed:
            while not self._waiting and not self._closed:
                left_s = None if until_s is None else until_s - time.monotonic()
                if left_s is not None and left_s <= 0:
                    return None
                self._changed.wait(left_s)
            return self._waiting.popleft() if self._waiting else None

    @property
    def closed(self) -> bool:
        """Whether no answer will come any more."""
        with self._changed:
            return self._closed and not self._waiting

    def put(self, published: Published) -> None:
        with self._changed:
            if len(self._waiting) >= self._depth:
                self._waiting.popleft()
                self.lost += 1
            self._waiting.append(published)
            self._changed.notify()

    def end(self) -> None:
        """What waits may still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def close(self) -> None:
        """Want no more."""
        self._hub.leave(self)
        self.end()

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Hub:
    """Hands every answer to all subscriptions."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: list[Subscription] = []
        self._ended = False

    def subscribe(self, depth: int) -> Subscription:
        subscription = Subscription(self, depth)
        with self._lock:
            self._subscriptions.append(subscription)
            if self._ended:
                subscription.end()
        return subscription

    def leave(self, subscription: Subscription) -> None:
        with self._lock:
            self._subscriptions = [one for one in self._subscriptions if one is not subscription]

    def publish(self, published: Published) -> None:
        with self._lock:
            for subscription in self._subscriptions:
                subscription.put(published)

    def end(self) -> None:
        with self._lock:
            self._ended = True
            for subscription in self._subscriptions:
                subscription.end()
