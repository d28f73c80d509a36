"""The streaming protocol of the paper: how good is an answer t frames after a start from zeros? Knows no task.

`streaming`: labelled frame n, streaming since frame n − t with M iterations per frame, each frame started from the
answer for the last one. `single`: frame n alone, M iterations from zeros. `continuous`: frame n, streaming since the
first frame of its clip. All scores are about the same frames.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from streamdeq.data.base import Dataset
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.frame_cache import FrameCache
from streamdeq.evaluation.plan import USUAL_OFFSETS, Chain, Plan, Sample, continuous_chains, make_plan
from streamdeq.models.spec import ModelSpec
from streamdeq.solvers import Solver, make_solver
from streamdeq.streaming.engine import Engine, Row
from streamdeq.tasks import Metric, Result, Task

#: Iteration counts of the single-frame baseline. Those that are streamed are added: they are what streaming gains on.
SINGLE_FRAME = (1, 2, 4, 8, 14, 20, 27)


class Evaluated(Protocol):
    """What an evaluation needs of a model; `streamdeq.api.Model` is one."""

    @property
    def spec(self) -> ModelSpec: ...

    @property
    def task(self) -> Task: ...

    def engine(self, solver: Solver, size: int | str | None = None) -> Engine: ...


class Mode(StrEnum):
    SINGLE = "single"
    STREAMING = "streaming"
    CONTINUOUS = "continuous"


@dataclass(frozen=True)
class Settings:
    """What to evaluate.

    Args:
        iterations: per frame while streaming, in the paper's sense.
        offsets: frames between the start from zeros and the scored frame.
        solver: by name; what the weights were trained for if None.
        size: working size, the shorter side in pixels, or "native"; the model's own if None.
        batch: rows computed together; no answer depends on it.
        continuous: score streams that run through the whole clip as well.
    """

    iterations: tuple[int, ...] = (1, 2, 4, 8)
    offsets: tuple[int, ...] = USUAL_OFFSETS
    solver: str | None = None
    size: int | str | None = None
    batch: int = 8
    continuous: bool = False

    def __post_init__(self) -> None:
        for name, values, least in (("iterations", self.iterations, 1), ("offsets", self.offsets, 0)):
            if not values or min(values) < least or len(set(values)) < len(values):
                raise StreamdeqError(f"{name}: expected different whole numbers of at least {least}, got {values}")
        if self.batch < 1:
            raise StreamdeqError(f"batch: expected at least 1 row, got {self.batch}")


@dataclass(frozen=True)
class Cell:
    """One figure of the table; `offset` is that of streaming, else None."""

    mode: Mode
    iterations: int
    offset: int | None = None


@dataclass(eq=False)
class Score:
    """What was measured for a cell.

    Args:
        total: the metric over all frames.
        pieces: the same metric of each frame alone, in the order of the plan's samples: what to draw bootstrap
            intervals from.
        nfe: applications of `f` spent on the scored frame.
        failed: answers whose solve met a non-finite value.
    """

    total: Metric
    pieces: dict[Sample, Metric] = field(default_factory=dict)
    nfe: int = 0
    failed: int = 0


@dataclass(frozen=True)
class Evaluation:
    """Scores by cell, single frames first, then streaming, then continuous; all over `plan.samples`."""

    solver: str
    plan: Plan
    scores: dict[Cell, Score]


def evaluate(
    model: Evaluated, dataset: Dataset, settings: Settings, report: Callable[[], None] = lambda: None
) -> Evaluation:
    """Run the protocol on a split.

    Args:
        report: called after every application of `f` to one row; `count_steps` says how often.

    Raises:
        StreamdeqError: the model answers other classes than the data asks for, or no frame can be scored.
    """
    dataset = dataset.scored(model.spec.classes)
    check_classes(model.spec, dataset)
    plan = _plan(model, dataset, settings)
    frames = FrameCache(dataset.clips)
    scores = {cell: Score(model.task.metric()) for cell in _cells(plan, settings)}
    for cell, sample, result in _answers(model, plan, frames, settings, report):
        score = scores[cell]
        piece = score.pieces[sample] = model.task.metric()
        piece.update(result, frames.target(sample))
        score.total.merge(piece)
        score.nfe = result.status.nfe
        score.failed += result.status.failed
    for score in scores.values():
        score.pieces = {sample: score.pieces[sample] for sample in plan.samples}
    return Evaluation(settings.solver or model.spec.solver, plan, scores)


def single_counts(settings: Settings) -> tuple[int, ...]:
    """The iteration counts of the single-frame rows, ascending."""
    return tuple(sorted({*SINGLE_FRAME, *settings.iterations}))


def count_steps(model: Evaluated, dataset: Dataset, settings: Settings) -> int:
    """Applications of `f` to one row that `evaluate` will make."""
    plan = _plan(model, dataset.scored(model.spec.classes), settings)
    name, counts = settings.solver or model.spec.solver, single_counts(settings)
    single = make_solver(name, counts[-1]).evaluations(counts[-1]) * len(plan.samples)
    frames = sum(chain.frames for chain in (*plan.chains, *_continuous(plan, settings)))
    return single + frames * sum(make_solver(name, count).evaluations(count) for count in settings.iterations)


def check_classes(spec: ModelSpec, dataset: Dataset) -> None:
    """Raises StreamdeqError unless model and data mean the same by every class index."""
    if spec.task != dataset.task:
        raise StreamdeqError(f"expected data for {spec.task}, got {dataset.name}, which is for {dataset.task}")
    for number, (ours, theirs) in enumerate(zip(spec.classes, dataset.classes, strict=False)):
        if ours != theirs:
            raise StreamdeqError(
                f"model '{spec.name}' and {dataset.name} differ in their classes: number {number} is '{ours}' in the "
                f"model and '{theirs}' in the data; evaluate a model trained for these classes"
            )
    if len(spec.classes) != len(dataset.classes):
        raise StreamdeqError(
            f"model '{spec.name}' has {len(spec.classes)} classes and {dataset.name} {len(dataset.classes)}; "
            "evaluate a model trained for these classes"
        )


def _plan(model: Evaluated, dataset: Dataset, settings: Settings) -> Plan:
    return make_plan(dataset, settings.offsets, early=model.task.counts_early)


def _continuous(plan: Plan, settings: Settings) -> tuple[Chain, ...]:
    return continuous_chains(plan.samples) if settings.continuous and plan.chains else ()


def _cells(plan: Plan, settings: Settings) -> list[Cell]:
    counts = settings.iterations
    cells = [Cell(Mode.SINGLE, count) for count in single_counts(settings)]
    if plan.chains:
        cells += [Cell(Mode.STREAMING, count, offset) for count in counts for offset in settings.offsets]
    if _continuous(plan, settings):
        cells += [Cell(Mode.CONTINUOUS, count) for count in counts]
    return cells


def _answers(
    model: Evaluated, plan: Plan, frames: FrameCache, settings: Settings, report: Callable[[], None]
) -> Iterator[tuple[Cell, Sample, Result]]:
    """Every answer that is scored, as it comes."""
    solver = settings.solver or model.spec.solver
    counts = single_counts(settings)
    batch = _Batch(model.engine(make_solver(solver, counts[-1]), settings.size), settings.batch, frames, report)
    for count, sample, result in batch.single(plan.samples, counts):
        yield Cell(Mode.SINGLE, count), sample, result
    for count in settings.iterations:
        batch = _Batch(model.engine(make_solver(solver, count), settings.size), settings.batch, frames, report)
        for offset, sample, result in batch.stream((*plan.chains, *_continuous(plan, settings)), count):
            mode = Mode.CONTINUOUS if offset is None else Mode.STREAMING
            yield Cell(mode, count, offset), sample, result


@dataclass(frozen=True)
class _Lane:
    """A row of the batch: the chain it works on and the frames that chain has had."""

    row: Row
    chain: Chain
    had: int = 0

    @property
    def sample(self) -> Sample:
        return Sample(self.chain.clip, self.chain.start + self.had)

    @property
    def due(self) -> list[int | None]:
        """The offsets at which its answer is scored now."""
        return [read.offset for read in self.chain.reads if read.after == self.had]


@dataclass(frozen=True)
class _Batch:
    """At most `size` rows of one engine, computed together."""

    engine: Engine
    size: int
    frames: FrameCache
    report: Callable[[], None]

    def single(self, samples: Sequence[Sample], counts: Sequence[int]) -> Iterator[tuple[int, Sample, Result]]:
        """(count, sample, answer): one solve from zeros per frame, read at every count (ascending) on its way."""
        rows = [self.engine.open() for _ in range(min(self.size, len(samples)))]
        for begin in range(0, len(samples), len(rows)):
            some = samples[begin : begin + len(rows)]
            active, done = rows[: len(some)], 0
            self.engine.observe(active, [self.frames.frame(sample) for sample in some], keep=False)
            for count in counts:
                evaluations = self.engine.solver.evaluations(count)
                self._iterate(active, evaluations - done)
                done = evaluations
                for sample, result in zip(some, self.engine.read(active), strict=True):
                    yield count, sample, result

    def stream(self, chains: Sequence[Chain], iterations: int) -> Iterator[tuple[int | None, Sample, Result]]:
        """(offset, sample, answer) of all chains. A row whose chain has ended takes up the next one at once."""
        waiting = deque(chains)
        lanes = [_Lane(self.engine.open(), waiting.popleft()) for _ in range(min(self.size, len(chains)))]
        while lanes:
            rows = [lane.row for lane in lanes]
            self.engine.observe(rows, [self.frames.frame(lane.sample) for lane in lanes])
            self._iterate(rows, self.engine.solver.evaluations(iterations))
            due = [(lane, offsets) for lane in lanes if (offsets := lane.due)]
            for (lane, offsets), result in zip(due, self.engine.read([lane.row for lane, _ in due]), strict=True):
                for offset in offsets:
                    yield offset, lane.sample, result
            # Lanes keep their order, so that rows stay behind one another in memory and are not copied.
            lanes = [after for lane in lanes if (after := self._after(lane, waiting)) is not None]

    def _after(self, lane: _Lane, waiting: deque[Chain]) -> _Lane | None:
        """The lane at its next frame, at the first frame of the next chain, or None when there is no more to do."""
        if lane.had + 1 < lane.chain.frames:
            return _Lane(lane.row, lane.chain, lane.had + 1)
        if not waiting:
            return None
        self.engine.reset(lane.row)
        return _Lane(lane.row, waiting.popleft())

    def _iterate(self, rows: Sequence[Row], evaluations: int) -> None:
        for _ in range(evaluations):
            self.engine.iterate(rows)
            for _ in rows:
                self.report()
