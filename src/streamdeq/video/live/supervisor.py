"""Keep a live source connected: a thread that starts, watches, replaces and ends reading processes, and gives up."""

from __future__ import annotations

import logging
import threading
import time
from random import Random

from streamdeq.values.live import LivePolicy
from streamdeq.video.live.address import Address
from streamdeq.video.live.backoff import Backoff
from streamdeq.video.live.connection import Connection, Timeline
from streamdeq.video.live.inbox import Inbox
from streamdeq.video.live.messages import Ended

log = logging.getLogger("streamdeq.video.live")

# The thread looks for a request to stop every 50 ms, allows a grace period of 0.25 s, then kills.
STOPPING_S = 0.9
# A listener that ends sooner could not listen: the port is taken, or what came was of no use.
LISTENED_S = 3.0


class Supervisor:
    """One live source, kept alive in the background from `start` to `stop`.

    Frames and, at last, why there are no more go into `inbox`.

    Attributes:
        timeline: what is known so far.
    """

    def __init__(self, address: Address, policy: LivePolicy, inbox: Inbox) -> None:
        self.timeline = Timeline()
        self._address = address
        self._policy = policy
        self._inbox = inbox
        self._stop = threading.Event()
        self._redact = address.redactor(policy.options)
        self._backoff = Backoff(policy.patience, Random())
        self._began_s = 0.0
        self._failed_attempts = 0
        self._connection: Connection | None = None
        # A daemon: a process that cannot even be killed must not keep the program from ending.
        self._thread = threading.Thread(target=self._run, name=f"live {address.name}", daemon=True)

    @property
    def started(self) -> bool:
        return self._thread.ident is not None

    @property
    def reader_pid(self) -> int:
        """The reading process; 0 when there is none."""
        return self._connection.pid if self._connection is not None else 0

    def start(self) -> None:
        self._began_s = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """End thread and process, within a second whatever the source does."""
        self._stop.set()
        if self.started:
            self._thread.join(STOPPING_S)
        self._inbox.end()

    def _run(self) -> None:
        reason = ""
        try:
            while not self._stop.is_set():
                connected_s = time.monotonic()
                ended, received = self._connect()
                if self._stop.is_set() or ended.over:
                    break
                what = self._what_happened(ended, received)
                if final := self._final_reason(ended):
                    reason = f"{self._redact(ended.reason)} (given up {final})"
                    log.error("%s: %s; given up %s", self._address.label, what, final)
                    break
                delay_s = self._delay_s(received, time.monotonic() - connected_s)
                log.warning("%s: %s; next attempt in %.1f s", self._address.label, what, delay_s)
                self._stop.wait(delay_s)
        except BaseException as error:
            # The consumer waits for the inbox: it must hear of a bug here too.
            reason = self._redact(f"{type(error).__name__}: {error}")
            raise
        finally:
            self._inbox.end(reason)

    def _what_happened(self, ended: Ended, received: int) -> str:
        reason = self._redact(ended.reason)
        if received:
            self.timeline.lost = reason
            self._failed_attempts = 0
            self._backoff.reset()
            return f"lost after {received} frames: {reason}"
        self._failed_attempts += 1
        return f"attempt {self._failed_attempts} failed: {reason}"

    def _delay_s(self, received: int, lasted_s: float) -> float:
        # A listener that listened has nobody to spare, and its publisher may come at any time.
        listened = self._address.listening and (received or lasted_s > LISTENED_S)
        return 0.0 if listened else self._backoff.next_s()

    def _connect(self) -> tuple[Ended, int]:
        log.info("%s: %s", self._address.label, "listening" if self._address.listening else "connecting")
        connection = self._connection = Connection(self._address, self._policy, self._inbox, self.timeline)
        try:
            return connection.run(self._stop), connection.received
        except OSError as error:
            return Ended(f"no reading process could be started: {error.strerror}"), 0
        finally:
            self._connection = None

    def _final_reason(self, ended: Ended) -> str:
        """Why there is no use in another attempt; empty when there may be."""
        timeline, patience = self.timeline, self._policy.patience
        if ended.permanent and timeline.last_s is None:
            return "for trying again would not help"
        if timeline.opened is not None and timeline.opened.recorded and timeline.decoded:
            return "for a recording cannot be taken up in the middle"
        if patience.max_attempts is not None and self._failed_attempts >= patience.max_attempts:
            return f"after {self._failed_attempts} attempts"
        gap_s = time.monotonic() - (self._began_s if timeline.last_s is None else timeline.last_s)
        if patience.give_up_s is not None and gap_s > patience.give_up_s:
            return f"after {gap_s:.0f} s"
        return ""
