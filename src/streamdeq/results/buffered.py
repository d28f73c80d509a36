"""A sink on a thread of its own, behind a bounded buffer: whoever publishes is never slowed by it."""

import logging
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.results.sinks.base import RecordSink, RefusedError, SinkOptions
from streamdeq.values.live import Patience
from streamdeq.video.live.backoff import Backoff
from streamdeq.video.sinks.base import Sink

log = logging.getLogger("streamdeq.results")
Record = Mapping[str, Any]
#: Records that a sink gets at once, at most.
BATCH = 200
RETRIES = Patience(first_delay_s=0.5, longest_delay_s=30.0)


@dataclass(frozen=True)
class SinkReport:
    """What became of the records: those given = `written` + `lost` + `waiting`, always.

    Attributes:
        failures: attempts to write that failed; each is tried again.
        error: what is wrong now; empty when the last attempt went well.
    """

    label: str
    written: int = 0
    lost: int = 0
    waiting: int = 0
    failures: int = 0
    error: str = ""

    def account(self) -> str:
        """For a user, in a line."""
        lost = f", {self.lost} lost" if self.lost else ""
        return f"{self.label}: {self.written} records written{lost}{f' ({self.error})' if self.error else ''}"


class Buffered(Sink[Record]):
    """Takes one record at a time and waits for nothing, unless it is to be `patient`.

    When the buffer is full the oldest record is lost, and counted. What the sink fails to take is tried again, after
    a while that doubles; what it refuses for good is lost.

    Args:
        waiting: records that may wait.
        patient: for what is not live: `write` waits for room, but for a sink that has failed for `retries.give_up_s`.
        drain_s: `close` goes on trying for so long.
    """

    def __init__(
        self,
        sink: RecordSink,
        label: str,
        waiting: int = 10_000,
        *,
        patient: bool = False,
        retries: Patience = RETRIES,
        drain_s: float = 5.0,
    ) -> None:
        self._sink, self._label, self._most, self._patient = sink, label, waiting, patient
        self._backoff, self._give_up_s, self._drain_s = Backoff(retries, Random()), retries.give_up_s, drain_s
        self._queue: deque[Record] = deque()
        self._in_hand = self._written = self._lost = self._failures = 0
        self._error = ""
        self._failing_since_s: float | None = None
        self._end_s: float | None = None  # when to give up; None while it is open
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name=f"write {label}", daemon=True)
        self._thread.start()

    def write(self, item: Record) -> None:
        with self._changed:
            while self._patient and len(self._queue) >= self._most and not self._given_up():
                self._changed.wait(1.0)
            if len(self._queue) >= self._most:
                self._queue.popleft()
                self._lost += 1
            self._queue.append(item)
            self._changed.notify_all()

    def finish(self) -> None:
        """No more will come: write what waits. Returns at once; `close` waits for it."""
        with self._changed:
            if self._end_s is None:
                self._end_s = time.monotonic() + self._drain_s
                self._changed.notify_all()

    def close(self) -> None:
        """What cannot be written by then is lost, and counted; nothing is raised, `report` says it."""
        self.finish()
        assert self._end_s is not None
        # A sink may be in the middle of something that takes longer: it is left to itself.
        self._thread.join(max(0.0, self._end_s - time.monotonic()) + 1.0)
        with self._changed:
            self._lost += len(self._queue) + self._in_hand
            self._in_hand = 0
            self._queue.clear()

    def report(self) -> SinkReport:
        with self._changed:
            waiting = len(self._queue) + self._in_hand
            return SinkReport(self._label, self._written, self._lost, waiting, self._failures, self._error)

    def _given_up(self) -> bool:
        since_s, patience_s = self._failing_since_s, self._give_up_s
        return since_s is not None and patience_s is not None and time.monotonic() - since_s > patience_s

    def _work(self) -> None:
        while batch := self._take():
            self._deliver(batch)
        try:
            self._sink.close()
        except Exception as error:  # as in `_attempt`
            self._failed(error)

    def _take(self) -> Sequence[Record]:
        """The next records, as soon as there are some; none at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._end_s is not None)
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), BATCH))]
            self._in_hand = len(batch)
            self._changed.notify_all()
            return batch

    def _deliver(self, batch: Sequence[Record]) -> None:
        """Write it, whatever that takes, until it is refused or there is no more time."""
        while (done := self._attempt(batch)) is None:
            with self._changed:
                pause_s = self._backoff.next_s()
                if self._end_s is None:
                    self._changed.wait_for(lambda: self._end_s is not None, pause_s)
                elif time.monotonic() + pause_s < self._end_s:
                    self._changed.wait(pause_s)
                else:
                    done = False
                    break
        with self._changed:
            if self._in_hand:  # else `close` has counted it
                self._in_hand = 0
                self._written += len(batch) if done else 0
                self._lost += 0 if done else len(batch)
            self._changed.notify_all()

    def _attempt(self, batch: Sequence[Record]) -> bool | None:
        """True: written; False: refused for good; None: it failed."""
        try:
            self._sink.write(batch)
        except RefusedError as error:
            self._failed(error)
            return False
        except Exception as error:  # whatever somebody else's code raises must not end the thread
            self._failed(error)
            return None
        with self._changed:
            self._error, self._failing_since_s = "", None
            self._backoff.reset()
        return True

    def _failed(self, error: Exception) -> None:
        text = str(error) if isinstance(error, StreamdeqError) else f"{type(error).__name__}: {error}"
        with self._changed:
            if not self._error:
                log.warning("%s", text)
            self._failures += 1
            self._error = text
            if self._failing_since_s is None and not isinstance(error, RefusedError):
                self._failing_since_s = time.monotonic()


class Sinks(Sink[Record]):
    """Several places for the same records; each gets what its options ask for.

    Args:
        patient: as in `Buffered`.

    Raises:
        StreamdeqError: one of them can never be written.
    """

    def __init__(self, options: Sequence[SinkOptions], *, patient: bool = False) -> None:
        self._all: list[tuple[SinkOptions, Buffered]] = []
        try:
            for one in options:
                self._all.append((one, Buffered(one.open(), one.label, one.waiting, patient=patient)))
        except StreamdeqError:
            with suppress(StreamdeqError):
                self.close()
            raise

    def write(self, item: Record) -> None:
        for options, sink in self._all:
            if options.takes(item):
                sink.write(item)

    def close(self) -> None:
        for _, sink in self._all:
            sink.finish()
        for _, sink in self._all:
            sink.close()

    def reports(self) -> list[SinkReport]:
        return [sink.report() for _, sink in self._all]
