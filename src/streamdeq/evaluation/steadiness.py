"""How steady a pose model's answers are over videos without labels, and how far from its converged ones.

A constant answer would be the steadiest of all: the two belong together. Knows no file format and no model.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

import numpy as np

from streamdeq.evaluation.bootstrap import Interval, interval, resample
from streamdeq.evaluation.plan import Sample
from streamdeq.streaming.advance import advance
from streamdeq.streaming.locate import Locator, Shared
from streamdeq.streaming.options import StartFrom, StreamOptions
from streamdeq.streaming.regions import Locate
from streamdeq.streaming.state import StreamState
from streamdeq.tasks.pose import Poses
from streamdeq.tasks.pose.draw import SHOWN
from streamdeq.tasks.pose.jitter import accelerations, distances, sure
from streamdeq.values.frame import Frame

#: What divides the jitter of a way by that of the converged answers.
TIMES = "times converged"


class Streaming(Protocol):
    """What watching needs of a model; `streamdeq.api.Model` is one."""

    def begin(self, options: StreamOptions, locate: Locator | None = None) -> StreamState: ...


@dataclass(frozen=True)
class Way:
    """How a frame is solved: so many iterations, from the frame before or from zeros."""

    iterations: int
    start: str = StartFrom.PREVIOUS

    @property
    def name(self) -> str:
        return "from scratch" if self.start == StartFrom.ZEROS else "streaming"


#: What streams run with besides their way, where nothing else is said.
USUAL = StreamOptions()

#: The answers of every way for the frames of one video, in order.
Answers = dict[Way, list[Poses]]


class KeypointJitter:
    """A metric of three answers on end against the converged answers for the same frames.

    Jitter is mean acceleration, in pixels per frame² and in percent of the crop's side; distance is that between the
    middle answers, likewise. Of points in all frames merged, those that the converged answers are sure of enough to be
    drawn: a point that is not there has a place all the same, and it jumps.
    """

    name = TIMES

    def __init__(self) -> None:
        self._jitter, self._converged, self._distance = np.zeros(2), np.zeros(2), np.zeros(2)
        self.points = 0

    def update(self, result: Sequence[Poses], target: Sequence[Poses]) -> None:
        counted = sure(target, SHOWN)
        moved = accelerations(result[0], result[1], result[2], counted)
        self.points += len(moved)
        self._jitter += moved.sum(axis=0)
        self._converged += accelerations(target[0], target[1], target[2], counted).sum(axis=0)
        self._distance += distances(result[1], target[1], counted).sum(axis=0)

    def merge(self, other: "KeypointJitter") -> None:
        self._jitter = self._jitter + other._jitter
        self._converged = self._converged + other._converged
        self._distance = self._distance + other._distance
        self.points += other.points

    def compute(self) -> dict[str, float]:
        jitter, distance = (total / (self.points or math.nan) for total in (self._jitter, self._distance))
        times = self._jitter[0] / self._converged[0] if self._converged[0] else math.nan
        named = {"jitter px": jitter[0], "jitter %": 100 * jitter[1], TIMES: times}
        named |= {"distance px": distance[0], "distance %": 100 * distance[1]}
        return {name: float(value) for name, value in named.items()}

    def figure(self, name: str) -> float:
        return self.compute().get(name, math.nan)


@dataclass(frozen=True)
class Steadiness:
    """A way's figures, as `KeypointJitter` has them; `TIMES` with its 95 % interval; triples of frames counted."""

    way: Way
    figures: dict[str, float]
    times: Interval | None
    triples: int

    def to_plain(self) -> dict[str, Any]:
        """For JSON: a figure that does not exist is None."""
        known = {name: None if math.isnan(value) else value for name, value in self.figures.items()}
        return asdict(self) | {"figures": known}


def watch(
    model: Streaming,
    images: Iterable[np.ndarray],
    ways: Sequence[Way],
    where: Locate | None = None,
    options: StreamOptions = USUAL,
) -> Answers:
    """A stream per way, all of them fed with the same frames and the same boxes.

    Args:
        where: says where the instances are, once a frame; None to look at the whole frame.
        options: of every stream, besides its iterations and where it starts.
    """
    locate = None if where is None else Shared(where)
    states = {way: model.begin(replace(options, iterations=way.iterations, start=way.start), locate) for way in ways}
    answers: Answers = {way: [] for way in ways}
    for t, image in enumerate(images):
        frame = Frame(image, t, 0.0)
        for way in ways:
            result, states[way] = advance(frame, states[way])
            answers[way].append(result)
    for state in states.values():
        for row in state.rows:
            state.engine.close(row)
    return answers


def measure(videos: Sequence[Answers], converged: Way, skip: int = 5) -> list[Steadiness]:
    """A row for every way, over all videos.

    Args:
        converged: the way whose answers stand for the converged ones.
        skip: frames at the beginning of each video that do not count: streams have to settle.

    Where no point is seen in three frames on end there are no figures: NaN.
    """
    rows = []
    for way in videos[0] if videos else ():
        pieces: dict[Sample, KeypointJitter] = {}
        for number, video in enumerate(videos):
            for t in range(skip + 1, len(video[way]) - 1):
                piece = KeypointJitter()
                piece.update(video[way][t - 1 : t + 2], video[converged][t - 1 : t + 2])
                if piece.points:
                    pieces[Sample(number, t)] = piece
        total = KeypointJitter()
        for piece in pieces.values():
            total.merge(piece)
        times = interval(resample(list(pieces)).figures(pieces)) if pieces else None
        rows.append(Steadiness(way, total.compute(), times, len(pieces)))
    return rows
