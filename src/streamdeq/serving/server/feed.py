"""A camera's source on a thread of its own, which hands over the freshest frames."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from streamdeq.errors import StreamdeqError
from streamdeq.serving.scheduler.camera import MOST_WAITING
from streamdeq.values.frame import Failure, Frame, Gap
from streamdeq.values.live import LivePolicy, Patience
from streamdeq.video import Paced, Source, open_source

log = logging.getLogger("streamdeq.serving")
#: A server waits for a camera as long as it takes, and asks for it at least so often.
POLICY = LivePolicy(patience=Patience(longest_delay_s=10.0, give_up_s=None))
#: A source that was given up all the same is opened anew after so long.
AGAIN_S = 10.0
#: A frame that comes so little before the next one is due by the camera's fps is it.
JITTER = 0.2
#: Longest wait for a thread that is asked to end; one that is stuck in a source is left to itself.
CLOSE_S = 2.0


class State(StrEnum):
    """What a camera is doing."""

    CONNECTING = "connecting"
    LIVE = "live"
    AWAY = "away"
    ENDED = "ended"
    FAILED = "failed"


@dataclass(frozen=True, eq=False)
class Came:
    """A frame, when it came, and how many seconds the source was away before it."""

    frame: Frame
    at_s: float
    gap_s: float = 0.0


@dataclass(frozen=True)
class Arrived:
    """What has come since it was last asked for.

    Args:
        frames: the last ones, as many as may wait, in order.
        dropped: frames before them that were decoded and are not handed over, `thinned` of them for the camera's own
            fps.
        failed: that could not be decoded.
        gap_s: seconds the source has been away since the last of the frames.
    """

    frames: tuple[Came, ...] = ()
    dropped: int = 0
    thinned: int = 0
    failed: int = 0
    gap_s: float = 0.0

    def and_(self, frame: Frame, at_s: float) -> "Arrived":
        """And one more frame."""
        frames = (*self.frames, Came(frame, at_s, self.gap_s))
        gone = max(0, len(frames) - MOST_WAITING)
        return replace(self, frames=without(frames, gone), dropped=self.dropped + gone, gap_s=0.0)


def without(frames: Sequence[Came], gone: int) -> tuple[Came, ...]:
    """But for so many of the first; how long the source was away before those is told of the next."""
    away_s = sum(one.gap_s for one in frames[: gone + 1])
    return (replace(frames[gone], gap_s=away_s), *frames[gone + 1 :])


def open_camera(source: str, loop: bool) -> Source:
    """What a camera names, as something that comes by itself.

    Raises:
        StreamdeqError: nothing that can be read is there; of live sources only what no waiting would help.
    """
    opened = open_source(source, live=POLICY)
    return opened if opened.live else Paced(opened, (lambda: open_source(source)) if loop else None)


class Feed:
    """Reads a source until it is closed, and opens it again where it ends without being at an end.

    Args:
        open_: opens it; the thread's own doing, but for `source`.
        source: opened already, to begin with.
        fps: at the most; None: all that come.
        paint: what is done to each picture before anybody sees it.
        told: called, from the feed's thread, when something has come.
    """

    def __init__(
        self,
        name: str,
        open_: Callable[[], Source],
        source: Source | None,
        fps: float | None,
        paint: Callable[..., object],
        told: Callable[[], None],
    ) -> None:
        self.state, self.note, self.reconnects = State.CONNECTING, "", 0
        self.fps, self.paint = fps, paint
        self._open, self._source, self._told = open_, source, told
        self._lock = threading.Lock()
        self._arrived = Arrived()
        self._counted = (0, 0)
        self._due_s = 0.0
        self._stop = threading.Event()
        # A daemon: a source stuck in a system call must not keep the program from ending.
        self._thread = threading.Thread(target=self._run, name=f"camera {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def take(self) -> Arrived:
        """What has come since the last call; a gap goes with the next frame."""
        with self._lock:
            arrived, self._arrived = self._arrived, Arrived(gap_s=self._arrived.gap_s)
            return arrived

    @property
    def uncounted(self) -> int:
        """Frames that have come since `take` was last called."""
        with self._lock:
            return self._arrived.dropped + self._arrived.failed + len(self._arrived.frames)

    def close(self) -> None:
        """From any thread; then `take` gives the rest."""
        self._stop.set()
        source = self._source
        if source is not None:
            source.close()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_S)
        elif source is not None:
            self._count(source)

    # -- the thread ------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._source = source = self._source or self._open()
                self._counted = (0, 0)
                try:
                    self._read(source)
                finally:
                    source.close()
                    self._count(source)
                self.note = source.stats.note
                if isinstance(source, Paced):
                    self.state = State.ENDED
                    self._told()
                    return
                self.state = State.AWAY
            except StreamdeqError as error:
                self.state, self.note = State.FAILED, str(error)
                log.warning("%s: %s", self._thread.name, error)
            self._source = None
            self._told()
            self._stop.wait(AGAIN_S)

    def _read(self, source: Source) -> None:
        for item in source:
            if isinstance(item, Frame):
                self.state = State.LIVE
                self._hand_over(source, item)
            elif isinstance(item, Gap):
                with self._lock:
                    self._arrived = replace(self._arrived, gap_s=self._arrived.gap_s + item.seconds)
            elif isinstance(item, Failure):
                self._count(source)
            self.reconnects = max(self.reconnects, source.stats.reconnects)
            del item
            if self._stop.is_set():  # what was taken from the source has been handed over
                return

    def _hand_over(self, source: Source, frame: Frame) -> None:
        at_s = time.monotonic() if frame.captured_s is None else frame.captured_s
        if self._too_early(at_s):
            with self._lock:
                self._arrived = replace(
                    self._arrived, dropped=self._arrived.dropped + 1, thinned=self._arrived.thinned + 1
                )
            self._count(source)
            return
        painted = replace(frame, image=self.paint(frame.image))
        with self._lock:
            self._arrived = self._arrived.and_(painted, at_s)
        self._count(source)
        self._told()

    def _too_early(self, at_s: float) -> bool:
        """Whether a frame comes before the next one is due at the camera's own rate."""
        if self.fps is None:
            return False
        period_s = 1 / self.fps
        if at_s < self._due_s - JITTER * period_s:
            return True
        self._due_s = max(self._due_s, at_s - period_s) + period_s
        return False

    def _count(self, source: Source) -> None:
        """Add what the source has dropped and failed on since it was last asked."""
        now = (source.stats.dropped, source.stats.failed)
        dropped, failed = now[0] - self._counted[0], now[1] - self._counted[1]
        self._counted = now
        if dropped or failed:
            with self._lock:
                arrived = self._arrived
                self._arrived = replace(arrived, dropped=arrived.dropped + dropped, failed=arrived.failed + failed)
