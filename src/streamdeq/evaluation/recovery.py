"""How long an answer suffers from a shot change, by what is done about it. Knows no task and no detector.

A `Jump` is a cut with all it takes to measure it. Every way of handling it streams over the same frames as a stream
that saw no cut; the cut is known, so that detection has no part in it. What is scored is the n-th frame of the shot
over all jumps, against labels or, where there are none, against the converged answer for the frame.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol import Evaluated
from streamdeq.solvers import make_solver
from streamdeq.streaming.cut import FromZeros, KeepGoing, Response
from streamdeq.streaming.engine import Engine, Row
from streamdeq.tasks import Metric
from streamdeq.values.frame import Frame

#: Iterations from zeros that stand for "converged".
SETTLED = 20
#: Points below a stream without a cut that count as recovered.
WITHIN = 0.5
RESPONSES: tuple[Response, ...] = (*(KeepGoing(n) for n in range(5)), *(FromZeros(n) for n in range(5)))

Images = tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class Jump:
    """A cut: from the last of `before` to the first of `after`. All pictures are (H, W, 3) uint8 RGB.

    Args:
        before: the end of another shot.
        lead: what the new shot had before `after`, for the stream that saw no cut; it may be empty.
        after: the frames that are scored.
        targets: their ground truth; None where there is none.
    """

    before: Images
    lead: Images
    after: Images
    targets: tuple[Any, ...] | None


class Agreement:
    """A metric against another answer instead of the truth: the part of the frame that is the same."""

    name = "agreement"

    def __init__(self) -> None:
        self._sum, self._count = 0.0, 0

    def update(self, result: Any, target: Any) -> None:
        self._sum += 1 - result.change_from(target)
        self._count += 1

    def merge(self, other: "Agreement") -> None:
        self._sum += other._sum
        self._count += other._count

    def compute(self) -> dict[str, float]:
        return {self.name: 100 * self._sum / self._count if self._count else float("nan")}

    def figure(self, name: str) -> float:
        return self.compute().get(name, float("nan"))


@dataclass(eq=False)
class Curve:
    """A metric for every frame after the cut.

    Args:
        response: None for the stream that saw no cut.
        iterations: per frame, in the paper's sense.
        nfe: applications of `f` on the cut's frame.
        metrics: over all jumps, by number of frames since the cut.
    """

    response: Response | None
    iterations: int
    nfe: int = 0
    metrics: list[Metric] = field(default_factory=list)

    @property
    def points(self) -> list[float]:
        return [metric.compute()[metric.name] for metric in self.metrics]


def recover(
    model: Evaluated,
    jumps: Sequence[Jump],
    iterations: int,
    responses: Sequence[Response] = RESPONSES,
    report: Callable[[], None] = lambda: None,
) -> list[Curve]:
    """The curve without a cut, then one for each response.

    Args:
        report: called after every jump.
    """
    if not jumps:
        raise StreamdeqError("expected at least one cut to recover from, got none")
    engine = model.engine(make_solver(model.spec.solver, SETTLED))
    curves = [Curve(response, iterations) for response in (None, *responses)]
    for jump in jumps:
        metric = Agreement if jump.targets is None else model.task.metric
        targets = _settled(engine, jump.after) if jump.targets is None else jump.targets
        for n, answers in enumerate(_answers(engine, jump, curves)):
            for curve, answer in zip(curves, answers, strict=True):
                if n == len(curve.metrics):
                    curve.metrics.append(metric())
                curve.metrics[n].update(answer, targets[n])
        report()
    return curves


def frames_to_recover(curve: Curve, reference: Curve, within: float = WITHIN) -> int | None:
    """Frames after the cut until all later ones are at most `within` points worse; 0: the cut's own frame is as good.

    None: not within the frames that were scored.
    """
    worse = [n for n, (a, b) in enumerate(zip(curve.points, reference.points, strict=True)) if a < b - within]
    needed = worse[-1] + 1 if worse else 0
    return needed if needed < len(curve.metrics) else None


def lost(curve: Curve, reference: Curve) -> float:
    """Points lost to the cut, summed over frames: the area between the curves."""
    return sum(b - a for a, b in zip(curve.points, reference.points, strict=True))


def _answers(engine: Engine, jump: Jump, curves: Sequence[Curve]) -> Iterator[list[Any]]:
    """For each frame after the cut the answers of all curves; notes what the cut's frame cost."""
    evaluations = engine.solver.evaluations(curves[0].iterations)
    first = jump.after[0]
    old = engine.open()
    _stream(engine, old, jump.before, evaluations)
    rows = []
    for curve in curves:
        if curve.response is None:
            row, curve.nfe = engine.open(), evaluations
            _stream(engine, row, (*jump.lead, first), evaluations)
        else:
            row = engine.adopt(engine.content(old), old)
            engine.observe([row], [_frame(first)])
            engine.iterate([row])
            curve.nfe = _respond(engine, row, curve.response, evaluations)
        rows.append(row)
    yield engine.read(rows)
    for image in jump.after[1:]:
        engine.observe(rows, [_frame(image)] * len(rows))
        _iterate(engine, rows, evaluations)
        yield engine.read(rows)
    for row in (old, *rows):
        engine.close(row)


def _respond(engine: Engine, row: Row, response: Response, evaluations: int) -> int:
    """The rest of a cut's frame whose first evaluation is done; returns all applications of `f` on it."""
    lost = 0

    def restart() -> None:
        nonlocal lost
        engine.restart(row)
        lost = 1

    response.begin(restart)
    rest = evaluations - 1 + lost + response.extra
    _iterate(engine, [row], rest)
    return 1 + rest


def _stream(engine: Engine, row: Row, images: Sequence[np.ndarray], evaluations: int) -> None:
    """The first picture solved to the end, the others as in a stream."""
    for n, image in enumerate(images):
        engine.observe([row], [_frame(image)])
        _iterate(engine, [row], evaluations if n else engine.solver.evaluations(SETTLED))


def _settled(engine: Engine, images: Sequence[np.ndarray]) -> tuple[Any, ...]:
    """The converged answers."""
    answers = []
    row = engine.open()
    for image in images:
        engine.observe([row], [_frame(image)], keep=False)
        _iterate(engine, [row], engine.solver.evaluations(SETTLED))
        answers += engine.read([row])
    engine.close(row)
    return tuple(answers)


def _iterate(engine: Engine, rows: Sequence[Row], evaluations: int) -> None:
    for _ in range(evaluations):
        engine.iterate(rows)


def _frame(image: np.ndarray) -> Frame:
    return Frame(image, 0, 0.0)
