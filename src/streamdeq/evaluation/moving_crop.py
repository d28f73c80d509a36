"""What a crop that moves costs a stream of a labelled instance, with its latent left in place or moved with the crop.

The instance is streamed over the frames before, and scored in its own frame, in the crop that its box gives. Before,
the crop was elsewhere: it went to and fro along a line, or grew and shrank, so much with every frame. So whatever the
speed, the scored picture is the same, and all that differs is what the latent saw.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from streamdeq.api import Model
from streamdeq.data.base import Clip
from streamdeq.data.frames import Crop
from streamdeq.evaluation.bootstrap import Interval, interval, resample
from streamdeq.evaluation.protocol.plan import Sample
from streamdeq.evaluation.protocol.score import Score
from streamdeq.evaluation.reporting.table import Cells
from streamdeq.solvers import make_solver
from streamdeq.streaming.carry import MOVED, stay
from streamdeq.streaming.engine import Engine
from streamdeq.streaming.loop import run_clip
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


def slide(window: Window, way: float, angle: float) -> Window:
    """Moved by `way` of its sides."""
    side = window.right - window.left
    x, y = round(side * way * math.cos(angle)), round(side * way * math.sin(angle))
    return Window(window.left + x, window.top + y, window.right + x, window.bottom + y)


def zoom(window: Window, way: float, angle: float) -> Window:
    """Larger by `way` of its sides, around its middle."""
    margin = round((window.right - window.left) * way / 2)
    return Window(window.left - margin, window.top - margin, window.right + margin, window.bottom + margin)


#: By name: a window, how far from there in its sides, and in what direction → another one.
MOTIONS: dict[str, Callable[[Window, float, float], Window]] = {"slides": slide, "zooms": zoom}


@dataclass(frozen=True)
class CropMotion:
    """How an instance is streamed: `speed` is in sides of its crop per frame; `carried` moves the latent along."""

    iterations: int
    motion: str = "slides"
    speed: float = 0.0
    carried: bool = False


@dataclass(eq=False)
class CropScore(Score):
    """What was measured for a motion. Samples are numbers of instances; `films` tells those of one film.

    Args:
        distances: of each instance, the mean distance of its points from the converged answer, in sides of the crop.
    """

    films: tuple[int, ...] = ()
    distances: list[float] = field(default_factory=list)


def measure_motions(model: Model, clips: Sequence[Clip], motions: Sequence[CropMotion]) -> dict[CropMotion, CropScore]:
    """Every motion over all instances; the crop of each moves in a direction of its own, the same in every motion."""
    engines = {motion: model.engine(make_solver(model.spec.solver, motion.iterations)) for motion in motions}
    for motion, engine in engines.items():
        engine.carry = MOVED if motion.carried else stay
    single = model.engine(make_solver(model.spec.solver, SETTLED))
    known = list(dict.fromkeys(clip.film for clip in clips))
    films = tuple(known.index(clip.film) for clip in clips)
    scores = {motion: CropScore(model.task.metric(), films=films) for motion in motions}
    angles = np.random.default_rng(0).uniform(0, 2 * math.pi, len(clips))
    for number, (clip, angle) in enumerate(zip(clips, angles.tolist(), strict=True)):
        last, window = len(clip) - 1, _window(clip)
        frames = [Frame(clip.film.image(t), t, 0.0) for t in range(max(0, last - BEFORE), last + 1)]
        target = clip.target(last).shifted(-window.left, -window.top)  # in the frame's pixels
        converged = _streamed(single, frames[-1:], [window], SETTLED)
        for motion, engine in engines.items():
            windows = windows_of(window, motion, len(frames), angle)
            answer = _streamed(engine, frames, windows, motion.iterations)
            scores[motion].add(Sample(number, last), model.task.metric(), answer, target)
            scores[motion].distances.append(float(distances(answer, converged)[:, 1].mean()))
    return scores


def difference(score: CropScore, still: CropScore) -> Interval | None:
    """By how much the task's figure differs, in 95 % of resampled frames."""
    drawn = resample(list(still.pieces), films=still.films)
    return interval(drawn.figures(score.pieces) - drawn.figures(still.pieces))


def to_plain(scores: Mapping[CropMotion, CropScore]) -> list[dict[str, Any]]:
    """For JSON, a row per motion. `more` is the interval of `difference` from the crop that stands still."""
    rows = []
    for motion, score in scores.items():
        more = difference(score, scores[CropMotion(motion.iterations)]) if motion.speed else None
        figures = {"metric": score.total.name, "score": round(score.total.figure(score.total.name), 2)}
        apart = {"distance %": round(100 * float(np.mean(score.distances)), 3)}
        rows.append(asdict(motion) | figures | {"more": more and asdict(more)} | apart)
    return rows


def cells(rows: Sequence[Mapping[str, Any]]) -> list[Cells]:
    """Heading and a line per row of `to_plain`: the task's figure, and the distance from converged."""
    lines = [["iterations", "crop", "latent", rows[0]["metric"], "from converged, % of the crop's side"]]
    for row in rows:
        crop = f"{row['motion']} {100 * row['speed']:g} %" if row["speed"] else "stands still"
        more = row["more"] and f" ({row['more']['low']:+.1f} … {row['more']['high']:+.1f})"
        figures = [f"{row['score']:.1f}{more or ''}", f"{row['distance %']:.2f}"]
        lines.append([str(row["iterations"]), crop, "moved" if row["carried"] else "stays", *figures])
    return lines


def windows_of(last: Window, motion: CropMotion, frames: int, angle: float) -> list[Window]:
    """Of every frame, up to `last`."""
    ways = ((ago * motion.speed) % (2 * REACH) for ago in range(frames - 1, -1, -1))
    return [MOTIONS[motion.motion](last, min(way, 2 * REACH - way), angle) for way in ways]


def _streamed(engine: Engine, frames: Sequence[Frame], windows: Sequence[Window], iterations: int) -> Poses:
    """The answer for the last of the frames."""
    row, evaluations = engine.open(), engine.solver.evaluations(iterations)
    [answer] = run_clip(engine, row, frames, evaluations, windows=windows, skip=len(frames) - 1)
    engine.close(row)
    return answer


def _window(clip: Clip) -> Window:
    """What of its film's frames the clip of an instance shows."""
    assert isinstance(clip.frames, Crop)
    return clip.frames.window
