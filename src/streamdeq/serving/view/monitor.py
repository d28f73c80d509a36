"""The state that a run and the pages that watch it share: recent figures, the newest picture, changed settings.

Thread-safe, and bounded whatever the pages do.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from streamdeq.running.observer import AnnotatedFrame, Controls
from streamdeq.serving.web.jpeg import jpeg
from streamdeq.streaming.options import StartFrom
from streamdeq.values.status import Start, Status

#: Frames a curve goes back.
HISTORY = 300
#: The frame rate is over this long.
WINDOW_S = 2.0
#: The slider goes to here, or to what the run began with.
MOST = 20


@dataclass(frozen=True)
class NewestFrame:
    """The newest frame: its number among those seen (from 1), what to draw."""

    number: int = 0
    drawing: AnnotatedFrame | None = None


class RunMonitor:
    """A `Observer` on one side; on the other what a page asks for.

    Attributes:
        told: set once a page has heard that the run has finished.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.told = threading.Event()
        self._clock = clock
        self._lock = threading.Lock()
        self._encoding = threading.Lock()
        self._shown = NewestFrame()
        self._encoded: tuple[int, bytes] = (0, b"")
        self._points: deque[tuple[int, int, float | None, bool]] = deque(maxlen=HISTORY)
        self._times: deque[float] = deque(maxlen=HISTORY)
        self._title = ""
        self._settings = Controls()
        self._most = MOST
        self._capped = False
        self._controls = Controls()
        self._asked: float | None = None
        self._finished: float | None = None

    # -- the run's side ----------------------------------------------------------------------------------

    def begin(self, title: str, iterations: int, start: str, *, capped: bool = False) -> None:
        """What the run is called and how it starts out; `capped`: a budget decides, iterations is its cap."""
        with self._lock:
            self._title, self._capped = title, capped
            self._settings = Controls(iterations, StartFrom.ZEROS if start == StartFrom.ZEROS else StartFrom.PREVIOUS)
            self._most = max(MOST, iterations)

    def see(self, drawing: AnnotatedFrame, status: Status) -> None:
        residual = status.residual if isfinite(status.residual) else None
        with self._lock:
            self._shown = NewestFrame(self._shown.number + 1, drawing)
            self._points.append((self._shown.number, status.iterations, residual, status.start is Start.COLD))
            self._times.append(self._clock())

    def controls(self) -> Controls:
        with self._lock:
            controls, self._controls = self._controls, Controls()
        return controls

    def finish(self) -> None:
        """No frame will come any more."""
        with self._lock:
            self._finished = self._clock()

    # -- the pages' side ---------------------------------------------------------------------------------

    @property
    def most(self) -> int:
        """The largest number of iterations that may be asked for."""
        return self._most

    @property
    def finished(self) -> bool:
        return self._finished is not None

    @property
    def newest(self) -> int:
        """The number of the newest frame; 0 before the first."""
        return self._shown.number

    def ask(self, controls: Controls) -> None:
        """Ask for something before the next frame; what is left open stays as it was asked for before."""
        with self._lock:
            self._controls = _merged(controls, self._controls)
            self._settings = _merged(controls, self._settings)

    def watched(self, within_s: float) -> bool:
        """Whether a page has asked of late."""
        return self._asked is not None and self._clock() - self._asked < within_s

    def report(self, since: int = 0) -> dict[str, Any]:
        """Everything a page shows besides the picture, with the points of frames after number `since`.

        A point is [number, iterations, relative residual or None, started from zeros].
        """
        with self._lock:
            self._asked = self._clock()
            if self._finished is not None:
                self.told.set()
            return {
                "title": self._title,
                "finished": self.finished,
                "frames": self._shown.number,
                "fps": round(self._fps(self._finished or self._asked), 2),
                "iterations": self._settings.iterations,
                "start": self._settings.start,
                "most": self._most,
                "capped": self._capped,
                "points": [point for point in self._points if point[0] > since],
            }

    def picture(self) -> tuple[int, bytes]:
        """The newest frame's number and its picture as JPEG, encoded once for all pages; (0, b"") before the first."""
        with self._encoding:
            shown = self._shown
            if shown.drawing is not None and shown.number != self._encoded[0]:
                self._encoded = (shown.number, jpeg(shown.drawing.picture()))
            return self._encoded

    def _fps(self, now: float) -> float:
        recent = [t for t in self._times if t > now - WINDOW_S]
        # One from before, so that frames slower than the window have a rate too.
        before = len(self._times) - len(recent)
        if before:
            recent.insert(0, self._times[before - 1])
        return (len(recent) - 1) / (now - recent[0]) if len(recent) > 1 and now > recent[0] else 0.0


def _merged(controls: Controls, below: Controls) -> Controls:
    return Controls(
        below.iterations if controls.iterations is None else controls.iterations,
        below.start if controls.start is None else controls.start,
    )
