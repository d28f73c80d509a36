"""Recovery: how long an answer suffers from a cut, by what is done about it.

Every response to a cut streams over the same frames as a stream that saw no cut; the cut is known, so that detection
has no part in it. What is scored is the n-th frame of the shot over all cuts, against labels or, where there are none,
against the converged answer for the frame.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from streamdeq.api import Model
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.cuts.cases import CutCase, Images
from streamdeq.solvers import make_solver
from streamdeq.streaming.cut import FromZeros, KeepGoing, Response
from streamdeq.streaming.engine import Engine, Row
from streamdeq.streaming.loop import run_clip, run_frames, run_steps
from streamdeq.tasks import Metric
from streamdeq.values.frame import Frame

#: Iterations from zeros that stand for "converged".
SETTLED = 20
#: Points below a stream without a cut that count as recovered.
WITHIN = 0.5
RESPONSES: tuple[Response, ...] = (*(KeepGoing(n) for n in range(5)), *(FromZeros(n) for n in range(5)))


class Agreement(Metric):
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


@dataclass(eq=False)
class RecoveryCurve:
    """A metric for every frame after the cut.

    Args:
        response: None for the stream that saw no cut.
        iterations: per frame, in the paper's sense.
        nfe: applications of `f` on the cut's frame.
        metrics: over all cuts, by number of frames since the cut.
    """

    response: Response | None
    iterations: int
    nfe: int = 0
    metrics: list[Metric] = field(default_factory=list)

    @property
    def points(self) -> list[float]:
        return [metric.compute()[metric.name] for metric in self.metrics]


def recover(
    model: Model,
    cases: Sequence[CutCase],
    iterations: int,
    responses: Sequence[Response] = RESPONSES,
    on_case: Callable[[], None] = lambda: None,
) -> list[RecoveryCurve]:
    """The curve without a cut, then one for each response.

    Args:
        on_case: called after every cut.
    """
    if not cases:
        raise StreamdeqError("expected at least one cut to recover from, got none")
    engine = model.engine(make_solver(model.spec.solver, SETTLED))
    curves = [RecoveryCurve(response, iterations) for response in (None, *responses)]
    for case in cases:
        metric = Agreement if case.targets is None else model.task.metric
        targets = _settled(engine, case.after) if case.targets is None else case.targets
        for n, answers in enumerate(_answers(engine, case, curves)):
            for curve, answer in zip(curves, answers, strict=True):
                if n == len(curve.metrics):
                    curve.metrics.append(metric())
                curve.metrics[n].update(answer, targets[n])
        on_case()
    return curves


def frames_to_recover(curve: RecoveryCurve, reference: RecoveryCurve, within: float = WITHIN) -> int | None:
    """Frames after the cut until all later ones are at most `within` points worse; 0: the cut's own frame is as good.

    None: not within the frames that were scored.
    """
    worse = [n for n, (a, b) in enumerate(zip(curve.points, reference.points, strict=True)) if a < b - within]
    needed = worse[-1] + 1 if worse else 0
    return needed if needed < len(curve.metrics) else None


def lost(curve: RecoveryCurve, reference: RecoveryCurve) -> float:
    """Points lost to the cut, summed over frames: the area between the curves."""
    return sum(b - a for a, b in zip(curve.points, reference.points, strict=True))


def _answers(engine: Engine, case: CutCase, curves: Sequence[RecoveryCurve]) -> Iterator[list[Any]]:
    """For each frame after the cut the answers of all curves; notes what the cut's frame cost."""
    evaluations, settled = (engine.solver.evaluations(count) for count in (curves[0].iterations, SETTLED))

    def streamed(images: Images) -> Row:
        """A row after these frames, the first of them solved to the end."""
        row = engine.open()
        for _ in run_clip(engine, row, _frames(images), evaluations, first=settled, skip=len(images)):
            pass
        return row

    old, rows = streamed(case.before), []
    for curve in curves:
        if curve.response is None:
            rows.append(streamed((*case.lead, case.after[0])))
            curve.nfe = evaluations
        else:
            rows.append(engine.adopt(engine.content(old), old))
            run_frames(engine, rows[-1:], _frames(case.after[:1]), 1, read=())
            curve.nfe = _respond(engine, rows[-1], curve.response, evaluations)
    yield engine.read(rows)
    for frame in _frames(case.after[1:]):
        yield run_frames(engine, rows, [frame] * len(rows), evaluations)
    for row in (old, *rows):
        engine.close(row)


def _respond(engine: Engine, row: Row, response: Response, evaluations: int) -> int:
    """The rest of a cut's frame whose first evaluation is done; returns all applications of `f` on it."""
    restarts: list[Row] = []

    def restart() -> None:
        engine.restart(row)
        restarts.append(row)

    response.begin(restart)
    rest = evaluations - 1 + len(restarts) + response.extra
    run_steps(engine, [row], rest, read=())
    return 1 + rest


def _settled(engine: Engine, images: Images) -> tuple[Any, ...]:
    """The converged answers."""
    row, evaluations = engine.open(), engine.solver.evaluations(SETTLED)
    answers = tuple(run_clip(engine, row, _frames(images), evaluations, keep=False))
    engine.close(row)
    return answers


def _frames(images: Images) -> list[Frame]:
    return [Frame(image, 0, 0.0) for image in images]
