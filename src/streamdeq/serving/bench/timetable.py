"""When the frames of cameras come: at a rate, with jitter and dropouts; the same ones for the same seed."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

#: Frames that a dropout takes, on average.
IN_A_ROW = 5


@dataclass(frozen=True)
class Arrival:
    """Frame `shows` of a film comes `at_s` seconds after the start."""

    at_s: float
    shows: int


Timetable = tuple[Arrival, ...]


def timetable(
    fps: float,
    seconds: float,
    film_fps: float,
    film_frames: int,
    *,
    phase: float = 0.0,
    jitter: float = 0.0,
    dropout: float = 0.0,
    seed: Sequence[int] = (0,),
) -> Timetable:
    """The frames of one camera. What it shows moves as fast as the film, forwards and backwards: there are no cuts.

    Args:
        phase: 0…1, where in the film, and in the time between two frames, it begins.
    """
    rng = np.random.default_rng(seed)
    numbers = np.arange(max(1, int(seconds * fps)))
    planned = (numbers + phase) / fps
    moved = planned + rng.uniform(-jitter, jitter, len(numbers)) / fps
    at_s = np.maximum.accumulate(np.maximum(moved, 0.0))
    turn = max(1, 2 * (film_frames - 1))
    place = np.floor(planned * film_fps + phase * turn).astype(int) % turn
    shows = np.where(place < film_frames, place, turn - place)
    begins = rng.random(len(numbers)) < dropout / IN_A_ROW
    lost = np.zeros(len(numbers), bool)
    for first in np.flatnonzero(begins):
        lost[first : first + rng.geometric(1 / IN_A_ROW)] = True
    return tuple(Arrival(float(at), int(frame)) for at, frame, gone in zip(at_s, shows, lost, strict=True) if not gone)


class Inbox:
    """What has come and waits: of each camera the freshest frame. A fresher one drops the one that waits.

    Attributes:
        waiting: the numbers of frames in their timetables, by camera.
        dropped: how many were.
    """

    def __init__(self, tables: Sequence[Timetable]) -> None:
        self._tables = tables
        self._next = [0] * len(tables)
        self.waiting: dict[int, int] = {}
        self.dropped = 0

    def advance(self, now_s: float) -> None:
        """Until this time."""
        for camera, table in enumerate(self._tables):
            while self._next[camera] < len(table) and table[self._next[camera]].at_s <= now_s:
                self.dropped += camera in self.waiting
                self.waiting[camera] = self._next[camera]
                self._next[camera] += 1

    @property
    def first(self) -> int:
        """The camera whose frame has waited longest."""
        return min(self.waiting, key=lambda camera: self.at_s(camera))

    def at_s(self, camera: int) -> float:
        """When what waits of a camera came."""
        return self._tables[camera][self.waiting[camera]].at_s

    @property
    def next_s(self) -> float:
        """When the next frame comes; infinity after the last."""
        coming = [table[n].at_s for n, table in zip(self._next, self._tables, strict=True) if n < len(table)]
        return min(coming, default=inf)
