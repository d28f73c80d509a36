"""How something outside, such as a page, watches a run and changes its settings."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from streamdeq.values.status import Status


class AnnotatedFrame:
    """A frame with its answer drawn on it: drawn on first use, and once."""

    def __init__(self, draw: Callable[[], np.ndarray]) -> None:
        self._draw = draw
        self._drawn: np.ndarray | None = None
        self._lock = threading.Lock()

    def picture(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB, shared: not to be written to. May be asked for on any thread."""
        with self._lock:
            if self._drawn is None:
                self._drawn = self._draw()
            return self._drawn


@dataclass(frozen=True)
class Controls:
    """What is asked of the frames to come; None leaves a thing as it is."""

    iterations: int | None = None
    start: str | None = None


class Observer(Protocol):
    """Whoever looks on. Both are called for every frame, so neither may take time."""

    def see(self, drawing: AnnotatedFrame, status: Status) -> None:
        """A frame is through. On the thread that records, in order."""
        ...

    def controls(self) -> Controls:
        """What to change before the next frame; asked once per frame, on the thread that solves."""
        ...
