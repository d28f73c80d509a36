"""The queue between the thread that receives frames and the consumer; drops frames as the policy says."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace

from streamdeq.values.frame import Failure, Frame, Gap
from streamdeq.values.live import LivePolicy
from streamdeq.video.live.ring import Ring

# Failures are small: as many may wait at least.
LEAST_WAITING = 64


@dataclass(frozen=True, eq=False)
class SharedFrame:
    """A frame whose picture is still in shared memory: `make` fills it in."""

    frame: Frame
    ring: Ring
    slot: int
    shape: tuple[int, int, int]

    def make(self, dropped_before: int) -> Frame:
        return replace(self.frame, image=self.ring.take(self.slot, self.shape), dropped_before=dropped_before)


@dataclass(eq=False)
class Waiting:
    """What waits: a frame or a failure; how many frames before it were dropped; the time away before it."""

    item: SharedFrame | Failure
    dropped: int = 0
    gap: Gap | None = None


@dataclass(frozen=True)
class End:
    """Nothing more will come. `reason`: why, where that is no good news."""

    reason: str = ""


class Inbox:
    """A queue that never blocks who fills it and never grows without bound.

    Entries go out in order. Dropping one hands its count and its gap on to the next, so that neither is lost.

    Args:
        now: a monotonic clock in seconds.
    """

    def __init__(self, policy: LivePolicy, now: Callable[[], float] = time.monotonic) -> None:
        self._policy = policy
        self._now = now
        self._keep_all = False
        self._entries: deque[Waiting] = deque()
        self._changed = threading.Condition()
        self._dropped = 0
        self._gap: Gap | None = None
        self._end: End | None = None

    def keep_all(self) -> None:
        """From now on drop nothing: the source waits for its consumer."""
        self._keep_all = True

    def put(self, item: SharedFrame | Failure) -> None:
        with self._changed:
            if isinstance(item, SharedFrame) and not self._keep_all:
                self._make_room(0 if self._policy.delivery == "latest" else self._policy.waiting - 1)
            if not self._keep_all and len(self._entries) >= max(LEAST_WAITING, 2 * self._policy.waiting):
                self._drop(0)
            self._entries.append(Waiting(item, self._dropped, self._gap))
            self._dropped, self._gap = 0, None
            self._changed.notify()

    def count_dropped(self) -> None:
        """A frame was decoded that could not even wait."""
        with self._changed:
            self._dropped += 1

    def add_gap(self, gap: Gap) -> None:
        """To be told before whatever comes next."""
        with self._changed:
            self._gap = joined(self._gap, gap)

    def end(self, reason: str = "") -> None:
        with self._changed:
            self._end = self._end or End(reason)
            self._changed.notify_all()

    def put_back(self, entry: Waiting) -> None:
        """To be taken next."""
        with self._changed:
            self._entries.appendleft(entry)

    def take(self) -> Waiting | End:
        """The next entry; waits for it."""
        with self._changed:
            while True:
                while self._entries and self._stale(self._entries[0].item):
                    self._drop(0)
                if self._entries:
                    return self._entries.popleft()
                if self._end is not None:
                    return self._end
                self._changed.wait()

    def drain(self) -> tuple[int, int]:
        """Empty it; how many frames are dropped thereby and before, and how many failures go unseen."""
        with self._changed:
            failed = sum(isinstance(entry.item, Failure) for entry in self._entries)
            while self._entries:
                self._drop(0)
            dropped, self._dropped = self._dropped - failed, 0
            return dropped, failed

    def _make_room(self, keep: int) -> None:
        """Drop the oldest frames until `keep` are left; failures stay."""
        frames = [n for n, entry in enumerate(self._entries) if isinstance(entry.item, SharedFrame)]
        for done, position in enumerate(frames[: max(0, len(frames) - keep)]):
            self._drop(position - done)

    def _drop(self, position: int) -> None:
        entry = self._entries[position]
        del self._entries[position]
        if isinstance(entry.item, SharedFrame):
            entry.item.ring.free(entry.item.slot)
        dropped = entry.dropped + 1
        if position < len(self._entries):
            following = self._entries[position]
            following.dropped += dropped
            following.gap = joined(entry.gap, following.gap)
        else:
            self._dropped += dropped
            self._gap = joined(entry.gap, self._gap)

    def _stale(self, item: SharedFrame | Failure) -> bool:
        longest_s, captured_s = self._policy.max_staleness_s, None
        if isinstance(item, SharedFrame):
            captured_s = item.frame.captured_s
        if longest_s is None or captured_s is None or self._keep_all:
            return False
        return self._now() - captured_s > longest_s


def joined(first: Gap | None, second: Gap | None) -> Gap | None:
    """Two times away with nothing handed out between them are one."""
    if first is None or second is None:
        return first or second
    return Gap(first.seconds + second.seconds, second.reason)
