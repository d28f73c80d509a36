"""Jitter: how steady a pose model's answers are over videos without labels, and how far from its converged ones.

A constant answer would be the steadiest of all: the two belong together.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from streamdeq.api import Model
from streamdeq.evaluation.bootstrap import Interval, interval, resample
from streamdeq.evaluation.protocol.plan import Sample
from streamdeq.streaming.advance import advance
from streamdeq.streaming.locate import Shared
from streamdeq.streaming.options import StartFrom, StreamOptions
from streamdeq.streaming.regions import Locate
from streamdeq.tasks import Metric
from streamdeq.tasks.pose import Poses
from streamdeq.tasks.pose.draw import SHOWN
from streamdeq.tasks.pose.jitter import accelerations, distances, sure
from streamdeq.values.frame import Frame

#: The jitter divided by that of the converged answers.
TIMES = "times converged"


@dataclass(frozen=True)
class SolveSetting:
    """How a frame is solved: so many iterations, from the frame before or from zeros."""

    iterations: int
    start: str = StartFrom.PREVIOUS

    @property
    def name(self) -> str:
        return "from scratch" if self.start == StartFrom.ZEROS else "streaming"


#: Iterations from zeros that stand for the converged answer.
CONVERGED = SolveSetting(20, StartFrom.ZEROS)
#: Frames at the beginning of a video that do not count: streams have to settle.
SKIP = 5

#: The answers under every setting for the frames of one video, in order.
Answers = dict[SolveSetting, list[Poses]]


class KeypointJitter(Metric):
    """A metric of three answers on end against the converged answers for the same frames.

    Jitter is mean acceleration, in pixels per frame² and in percent of the crop's side; distance is that between the
    middle answers, likewise. Of points in all frames merged, those that the converged answers are sure of enough to be
    drawn: a point that is not there has a place all the same, and it jumps.
    """

    name = TIMES

    def __init__(self) -> None:
        self._sums = np.zeros((3, 2))  # jitter, that of the converged answers, distance
        self.points = 0

    def update(self, result: Sequence[Poses], target: Sequence[Poses]) -> None:
        counted = sure(target, SHOWN)
        moved = accelerations(result[0], result[1], result[2], counted)
        settled = accelerations(target[0], target[1], target[2], counted)
        apart = distances(result[1], target[1], counted)
        self._sums = self._sums + [lengths.sum(axis=0) for lengths in (moved, settled, apart)]
        self.points += len(moved)

    def merge(self, other: "KeypointJitter") -> None:
        self._sums = self._sums + other._sums
        self.points += other.points

    def compute(self) -> dict[str, float]:
        jitter, converged, distance = self._sums / (self.points or math.nan)
        times = jitter[0] / converged[0] if converged[0] else math.nan
        named = {"jitter px": jitter[0], "jitter %": 100 * jitter[1], TIMES: times}
        named |= {"distance px": distance[0], "distance %": 100 * distance[1]}
        return {name: float(value) for name, value in named.items()}


@dataclass(frozen=True)
class JitterRow:
    """The figures of a setting, as `KeypointJitter` has them; `TIMES` with its 95 % interval; triples of frames."""

    setting: SolveSetting
    figures: dict[str, float]
    times: Interval | None
    triples: int

    def to_plain(self) -> dict[str, Any]:
        """For JSON: a figure that does not exist is None."""
        known = {name: None if math.isnan(value) else value for name, value in self.figures.items()}
        times = self.times and asdict(self.times)
        return {"way": asdict(self.setting), "figures": known, "times": times, "triples": self.triples}


def stream_all(
    model: Model,
    images: Iterable[np.ndarray],
    settings: Sequence[SolveSetting],
    where: Locate | None = None,
    options: StreamOptions | None = None,
) -> Answers:
    """A stream per setting, all of them fed with the same frames and the same boxes.

    Args:
        where: says where the instances are, once a frame; None to look at the whole frame.
        options: of every stream, besides its iterations and where it starts.
    """
    options = options or StreamOptions()
    locate = None if where is None else Shared(where)
    states = {
        one: model.begin(replace(options, iterations=one.iterations, start=one.start), locate) for one in settings
    }
    answers: Answers = {setting: [] for setting in settings}
    for t, image in enumerate(images):
        frame = Frame(image, t, 0.0)
        for setting in settings:
            result, states[setting] = advance(frame, states[setting])
            answers[setting].append(result)
    for state in states.values():
        for row in state.rows:
            state.engine.close(row)
    return answers


def measure_jitter(videos: Sequence[Answers], converged: SolveSetting = CONVERGED, skip: int = SKIP) -> list[JitterRow]:
    """A row for every setting, over all videos. Where no point is seen in three frames on end figures are NaN.

    Args:
        converged: the setting whose answers stand for the converged ones.
        skip: frames at the beginning of each video that do not count.
    """
    rows = []
    for setting in videos[0] if videos else ():
        pieces: dict[Sample, KeypointJitter] = {}
        total = KeypointJitter()
        for number, video in enumerate(videos):
            for t in range(skip + 1, len(video[setting]) - 1):
                piece = KeypointJitter()
                piece.update(video[setting][t - 1 : t + 2], video[converged][t - 1 : t + 2])
                if piece.points:
                    pieces[Sample(number, t)] = piece
                    total.merge(piece)
        times = interval(resample(list(pieces)).figures(pieces)) if pieces else None
        rows.append(JitterRow(setting, total.compute(), times, len(pieces)))
    return rows
