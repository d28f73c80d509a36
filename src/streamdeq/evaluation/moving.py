"""What a crop that moves costs a stream. Knows instances in labelled frames, no file format.

A labelled instance is streamed over the frames before, and scored in its own frame, in the crop that its box gives.
Before, the crop was elsewhere: it went to and fro along a line, or grew and shrank, so much with every frame. So
whatever the speed, the scored picture is the same, and all that differs is what the latent saw.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from streamdeq.data.base import Clip
from streamdeq.data.frames import Crop
from streamdeq.evaluation.bootstrap import Interval, interval, resample
from streamdeq.evaluation.plan import Sample
from streamdeq.evaluation.protocol import Evaluated
from streamdeq.solvers import make_solver
from streamdeq.streaming.carry import Carry, stay
from streamdeq.streaming.engine import Engine
from streamdeq.tasks import Metric
from streamdeq.tasks.pose import Poses
from streamdeq.tasks.pose.jitter import distances
from streamdeq.values.frame import Frame
from streamdeq.values.geometry import Window

#: Between the two places where a crop turns back, in its sides. A crop is 1.25 times its box.
REACH = 0.16
#: Frames before the scored one.
BEFORE = 10
#: Iterations from zeros that stand for "converged".
SETTLED = 20

#: A window, how far from there in its sides, and in what direction → another one.
Motion = Callable[[Window, float, float], Window]


def slide(window: Window, way: float, angle: float) -> Window:
    """Moved by `way` of its sides."""
    side = window.right - window.left
    x, y = round(side * way * math.cos(angle)), round(side * way * math.sin(angle))
    return Window(window.left + x, window.top + y, window.right + x, window.bottom + y)


def zoom(window: Window, way: float, angle: float) -> Window:
    """Larger by `way` of its sides, around its middle."""
    margin = round((window.right - window.left) * way / 2)
    return Window(window.left - margin, window.top - margin, window.right + margin, window.bottom + margin)


@dataclass(frozen=True)
class Case:
    """How an instance is streamed: `speed` is in sides of its crop per frame."""

    iterations: int
    speed: float = 0.0
    carry: Carry = stay
    motion: Motion = slide


@dataclass(eq=False)
class Cost:
    """What was measured for a case.

    Args:
        total: the task's metric over all instances; `pieces` of each frame alone.
        distances: of each instance, the mean distance of its points from the converged answer, in sides of the crop.
    """

    total: Metric
    pieces: dict[Sample, Metric] = field(default_factory=dict)
    distances: list[float] = field(default_factory=list)


def measure(model: Evaluated, clips: Sequence[Clip], cases: Sequence[Case]) -> dict[Case, Cost]:
    """Every case over all instances; the crop of each moves in a direction of its own, the same in every case."""
    engines = {case: model.engine(make_solver(model.spec.solver, case.iterations)) for case in cases}
    for case, engine in engines.items():
        engine.carry = case.carry
    single = model.engine(make_solver(model.spec.solver, SETTLED))
    costs = {case: Cost(model.task.metric()) for case in cases}
    angles = np.random.default_rng(0).uniform(0, 2 * math.pi, len(clips))
    films = list(dict.fromkeys(clip.film for clip in clips))
    for clip, angle in zip(clips, angles.tolist(), strict=True):
        last, window = len(clip) - 1, _window(clip)
        frames = [Frame(clip.film.image(t), t, 0.0) for t in range(max(0, last - BEFORE), last + 1)]
        target = clip.target(last).shifted(-window.left, -window.top)  # in the frame's pixels
        converged = _streamed(single, frames[-1:], [window], SETTLED)
        for case, engine in engines.items():
            answer = _streamed(engine, frames, windows_of(window, case, len(frames), angle), case.iterations)
            piece = model.task.metric()
            piece.update(answer, target)
            sample = Sample(films.index(clip.film), last)
            costs[case].pieces.setdefault(sample, model.task.metric()).merge(piece)
            costs[case].total.merge(piece)
            costs[case].distances.append(float(distances(answer, converged)[:, 1].mean()))
    return costs


def against(cost: Cost, still: Cost) -> Interval | None:
    """By how much the task's figure differs, in 95 % of resampled frames."""
    drawn = resample(list(still.pieces))
    return interval(drawn.figures(cost.pieces) - drawn.figures(still.pieces))


def windows_of(last: Window, case: Case, frames: int, angle: float) -> list[Window]:
    """Of every frame, up to `last`."""
    ways = ((ago * case.speed) % (2 * REACH) for ago in range(frames - 1, -1, -1))
    return [case.motion(last, min(way, 2 * REACH - way), angle) for way in ways]


def _streamed(engine: Engine, frames: Sequence[Frame], windows: Sequence[Window], iterations: int) -> Poses:
    """The answer for the last of the frames."""
    row = engine.open()
    for frame, window in zip(frames, windows, strict=True):
        engine.observe([row], [frame], windows=[window])
        for _ in range(engine.solver.evaluations(iterations)):
            engine.iterate([row])
    [answer] = engine.read([row])
    engine.close(row)
    return answer


def _window(clip: Clip) -> Window:
    """What of its film's frames the clip of an instance shows."""
    assert isinstance(clip.frames, Crop)
    return clip.frames.window
