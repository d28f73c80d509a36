"""One connection of a live source, from starting its reading process to the process's end."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from streamdeq.values.frame import Failure, Frame, Gap
from streamdeq.values.live import LivePolicy
from streamdeq.video.clock import Clock
from streamdeq.video.live.address import Address
from streamdeq.video.live.inbox import Inbox, SharedFrame
from streamdeq.video.live.messages import Decoded, Ended, Job, Memory, Message, Opened
from streamdeq.video.live.process import ReaderProcess
from streamdeq.video.live.ring import Ring

log = logging.getLogger("streamdeq.video.live")

# How long a request to stop may go unnoticed.
POLL_S = 0.05
# A process that was asked to end hangs up on the camera; a stuck one is killed.
GRACEFUL_S = 0.25
# The process times itself out and says why; when it does not even do that, it is stuck.
STARTING_S, GRACE_S = 10.0, 1.0
# Who joins in the middle may wait so long for the first picture that stands alone.
FIRST_PICTURE_S = 30.0
# A listening socket serves the first that connects, also one that keeps silent for ever.
LISTENING_S = 60.0
READ_TIMEOUT_S, WEB_READ_TIMEOUT_S = 5.0, 20.0
# With "latest": one in the consumer's hand, one waiting, the others on their way.
SLOTS_LATEST = 6
# Stamps may run ahead of what arrives by so much: a burst after a jam.
LONGEST_JUMP_S = 10.0
EMPTY = np.empty((0, 0, 3), np.uint8)


@dataclass(eq=False)
class Timeline:
    """What goes on from one connection to the next.

    Attributes:
        decoded: frames so far, failed ones too; the next one's index.
        first_s, last_s: when the first and the last of them arrived (`time.monotonic`); None before the first.
        lost: why the last connection ended.
        reconnects: how often frames came again after a connection was lost.
        opened: what the last source that was there said of itself.
    """

    clock: Clock = field(default_factory=Clock)
    decoded: int = 0
    first_s: float | None = None
    last_s: float | None = None
    lost: str = ""
    reconnects: int = 0
    opened: Opened | None = None

    def connected(self, *, recorded: bool) -> None:
        """Stamps begin anew. Those of a recording are right even where they do not pass as our time does."""
        self.clock.restart()
        self.clock.longest_jump_s = math.inf if recorded else LONGEST_JUMP_S

    def time_s(self, stamp_s: float | None, captured_s: float) -> float:
        """A frame's time by its own stamp within a connection, by its arrival from one connection to the next."""
        if self.first_s is None:
            self.first_s = captured_s
        return self.clock.at(stamp_s, captured_s - self.first_s)


class Connection:
    """Runs one reading process and puts what it sends into the inbox."""

    def __init__(self, address: Address, policy: LivePolicy, inbox: Inbox, timeline: Timeline) -> None:
        self._inbox = inbox
        self._timeline = timeline
        self._label = address.label
        self._job = job(address, policy)
        self._ring: Ring | None = None
        self._first_index = timeline.decoded
        self._opened: Opened | None = None
        self._ended: Ended | None = None
        self.pid = 0

    @property
    def received(self) -> int:
        """Frames, failed ones too, that came over this connection."""
        return self._timeline.decoded - self._first_index

    def run(self, stop: threading.Event) -> Ended:
        """Until the source ends, gets stuck, or `stop` is set."""
        process = ReaderProcess(self._job)
        self.pid = process.pid
        try:
            stuck = self._attend(process, stop)
            if stop.is_set():
                process.ask_to_end()
                self._until_end(process, time.monotonic() + GRACEFUL_S)
            if stuck or stop.is_set():
                process.kill()
            self._until_end(process, time.monotonic() + GRACEFUL_S)
        finally:
            crash = process.end()
        return self._ended or Ended(stuck or crash or "the reading process was ended")

    def _attend(self, process: ReaderProcess, stop: threading.Event) -> str:
        """Take messages until the end; returns why it must be killed, if it must."""
        alive_s = time.monotonic()
        while not stop.is_set():
            if process.waiting(POLL_S):
                received = process.receive()
                if received is None:
                    return ""
                self._take(*received)
                alive_s = time.monotonic()
            elif time.monotonic() - alive_s > self._patience_s():
                return f"the reading process gave no sign for {time.monotonic() - alive_s:.1f} s"
        return ""

    def _until_end(self, process: ReaderProcess, deadline_s: float) -> None:
        """What was decoded counts, also after the end."""
        while process.waiting(max(0.0, deadline_s - time.monotonic())):
            received = process.receive()
            if received is None:
                return
            self._take(*received)

    def _patience_s(self) -> float:
        if self._opened is None:
            return self._job.open_timeout_s + STARTING_S
        if self._opened.recorded:
            return math.inf  # it waits for its consumer as long as that takes
        usual_s = self._job.read_timeout_s + GRACE_S
        return usual_s if self.received else max(usual_s, FIRST_PICTURE_S)

    def _take(self, message: Message, file: int | None) -> None:
        if isinstance(message, Memory) and file is not None:
            self._ring = Ring(file, message.slots, message.slot_bytes)
            os.close(file)
        elif isinstance(message, Opened):
            self._open(message)
        elif isinstance(message, Ended):
            self._ended = message
        elif isinstance(message, Decoded):
            self._count(message.captured_s)
            self._hand_over(message, self._first_index + message.index)

    def _open(self, message: Opened) -> None:
        self._opened = self._timeline.opened = message
        self._timeline.connected(recorded=message.recorded)
        if message.recorded:
            self._inbox.keep_all()

    def _count(self, captured_s: float) -> None:
        timeline = self._timeline
        if not self.received and timeline.last_s is None:
            log.info("%s: frames are coming", self._label)
        elif not self.received and timeline.last_s is not None:
            timeline.reconnects += 1
            gap_s = captured_s - timeline.last_s
            log.info("%s: frames are coming again after %.1f s", self._label, gap_s)
            self._inbox.add_gap(Gap(gap_s, timeline.lost))
        timeline.decoded += 1
        timeline.last_s = captured_s

    def _hand_over(self, message: Decoded, index: int) -> None:
        if message.error:
            self._inbox.put(Failure(index, message.error, self._timeline.time_s(None, message.captured_s)))
        elif message.slot is None or self._opened is None or self._ring is None:
            self._inbox.count_dropped()
        else:
            time_base = None if self._opened.time_base is None else Fraction(*self._opened.time_base)
            stamp_s = None if message.pts is None or time_base is None else float(message.pts * time_base)
            time_s = self._timeline.time_s(stamp_s, message.captured_s)
            frame = Frame(EMPTY, index, time_s, message.pts, time_base, message.decode_s, 0, message.captured_s)
            self._inbox.put(SharedFrame(frame, self._ring, message.slot, (message.height, message.width, 3)))


def job(address: Address, policy: LivePolicy) -> Job:
    patience = policy.patience
    web = address.url.startswith("http")
    return Job(
        address.url,
        address.format,
        {**address.options, **policy.options},
        LISTENING_S if address.listening else patience.open_timeout_s,
        patience.read_timeout_s or (WEB_READ_TIMEOUT_S if web else READ_TIMEOUT_S),
        SLOTS_LATEST if policy.delivery == "latest" else policy.waiting + SLOTS_LATEST,
    )
