"""`LiveSource`: a camera or network stream as an iterable of frames, failures and gaps."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Failure, Item
from streamdeq.values.live import LivePolicy
from streamdeq.video.live.address import Address, parse_address
from streamdeq.video.live.inbox import End, Inbox, SharedFrame, Waiting
from streamdeq.video.live.supervisor import Supervisor
from streamdeq.video.source import Source, SourceInfo


class LiveSource(Source):
    """A camera or a network stream, read by a process of its own, connected again whenever it is lost.

    Reading begins with the first iteration. While the source is away nothing is handed out; before the first frame
    afterwards comes a `Gap`. Iteration ends when it is given up for good, with the reason in `stats.note`, or when
    `close` is called, from any thread; `close` takes less than a second whatever the source does.

    Frames' times are seconds since the first one: by the source's own stamps within a connection, by our clock
    between connections. `stats.decoded` counts whatever came out of the decoder, in all connections.

    Args:
        address: of `parse_address`, or what it takes.
        policy: which frames are handed out; time-outs.

    Raises while iterating:
        StreamdeqError: the source was given up and never gave a frame.
    """

    def __init__(self, address: Address | str | int, policy: LivePolicy | None = None) -> None:
        parsed = address if isinstance(address, Address) else parse_address(address)
        if parsed is None:
            raise StreamdeqError(f"expected a camera's number or a network address, got {address!r}")
        if sys.platform == "win32":
            raise StreamdeqError(f"cannot read {parsed.label} on Windows: live sources need Linux or macOS")
        super().__init__(SourceInfo(parsed.name, parsed.kind, live=True))
        self._label = parsed.label
        self._inbox = Inbox(policy or LivePolicy())
        self._supervisor = Supervisor(parsed, policy or LivePolicy(), self._inbox)
        # Whoever closes may be another thread than who iterates; each frame is counted by one of them.
        self._handing_over = threading.Lock()
        self._held: Waiting | None = None
        self._dropped = 0
        self._closed = False

    @property
    def reader_pid(self) -> int:
        """The process that reads it now; 0 when there is none."""
        return self._supervisor.reader_pid

    @property
    def received(self) -> int:
        """Frames, failed ones too, that the reading processes have sent so far: what `stats` must come to."""
        return self._supervisor.timeline.decoded

    def close(self) -> None:
        self._supervisor.stop()
        with self._handing_over:
            # What still waits was decoded: it must not vanish from the account.
            if self._held is not None:
                self._inbox.put_back(self._held)
            dropped, failed = self._inbox.drain()
            self.stats.dropped += dropped + self._dropped
            self.stats.failed += failed
            self.stats.reconnects = self._supervisor.timeline.reconnects
            self._held, self._dropped = None, 0
            self._closed = True

    def _items(self) -> Iterator[Item]:
        if self._closed:
            return
        if not self._supervisor.started:
            self._supervisor.start()
        while not isinstance(item := self._next(), End):
            yield item
        self._conclude(item)

    def _next(self) -> Item | End:
        with self._handing_over:
            entry, self._held = self._held, None
        entry = entry or self._inbox.take()
        if isinstance(entry, End):
            return entry
        with self._handing_over:
            if entry.gap is None:
                return self._finished(entry)
            # Who stops at the gap has not had the frame after it.
            self._held = replace(entry, gap=None)
            self.stats.reconnects = self._supervisor.timeline.reconnects
            return entry.gap

    def _finished(self, entry: Waiting) -> Item:
        self._dropped += entry.dropped
        if isinstance(entry.item, Failure):
            return entry.item
        frame = entry.item.make(self._dropped)
        self._dropped = 0
        if self.info.size_hw != frame.image.shape[:2]:
            self._describe(entry.item)
        return frame

    def _describe(self, frame: SharedFrame) -> None:
        opened = self._supervisor.timeline.opened
        height, width, _ = frame.shape
        fps = self.info.fps if opened is None else opened.fps
        time_base = None if opened is None or opened.time_base is None else Fraction(*opened.time_base)
        live = opened is None or not opened.recorded
        self.info = replace(self.info, live=live, size_hw=(height, width), fps=fps, time_base=time_base)

    def _conclude(self, end: End) -> None:
        if not end.reason:
            return
        if not self.stats.frames:
            raise StreamdeqError(f"no frame came from {self._label}: {end.reason}; check the address and the network")
        self.stats.note = f"{self.info.name} was lost for good: {end.reason}"
