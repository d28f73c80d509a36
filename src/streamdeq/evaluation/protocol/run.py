"""The streaming protocol of the paper: how good an answer is t frames after a start from zeros.

`streaming`: labelled frame n, streaming since frame n − t with M iterations per frame, each frame started from the
answer for the last one. `single`: frame n alone, M iterations from zeros. `continuous`: frame n, streaming since the
first frame of its clip. All scores are about the same frames.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

import numpy as np

from streamdeq.api import Model
from streamdeq.data.base import Dataset
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.bootstrap import Figure, Resamples, interval
from streamdeq.evaluation.protocol.frames import FrameCache
from streamdeq.evaluation.protocol.plan import Chain, Sample, ScoringPlan, continuous_chains, make_plan
from streamdeq.evaluation.protocol.settings import Settings
from streamdeq.models.spec import ModelSpec
from streamdeq.solvers import make_solver
from streamdeq.streaming.engine import Engine, Row
from streamdeq.streaming.loop import OnStep, run_frames, run_steps
from streamdeq.tasks import Metric, Result


class Mode(StrEnum):
    SINGLE = "single"
    STREAMING = "streaming"
    CONTINUOUS = "continuous"


@dataclass(frozen=True)
class Condition:
    """Under which answers are scored; `offset` is that of streaming, else None."""

    mode: Mode
    iterations: int
    offset: int | None = None


@dataclass(eq=False)
class Score:
    """What was measured under a condition.

    Args:
        total: the metric over all frames.
        pieces: the same metric of each frame alone: what to draw bootstrap intervals from.
        nfe: applications of `f` spent on the scored frame.
        failed: answers whose solve met a non-finite value.
    """

    total: Metric
    pieces: dict[Sample, Metric] = field(default_factory=dict)
    nfe: int = 0
    failed: int = 0

    def add(self, sample: Sample, piece: Metric, result: Result, target: Any) -> None:
        """Score one answer. `piece` is a fresh metric."""
        piece.update(result, target)
        self.pieces[sample] = piece
        self.total.merge(piece)
        self.nfe = result.status.nfe
        self.failed += result.status.failed

    def figure(self, draws: Resamples | None, name: str | None = None) -> Figure:
        """One of the task's figures, by name; None for the one that stands for it."""
        name = name or self.total.name
        value = self.total.figure(name)
        within = interval(draws.figures(self.pieces, name)) if draws else None
        return Figure(None if np.isnan(value) else value, within)


@dataclass(frozen=True)
class Evaluation:
    """Scores by condition, single frames first, then streaming, then continuous; all over `plan.samples`."""

    solver: str
    plan: ScoringPlan
    scores: dict[Condition, Score]


def evaluate(
    model: Model, dataset: Dataset, settings: Settings, on_step: Callable[[], None] = lambda: None
) -> Evaluation:
    """Run the protocol on a split.

    Args:
        on_step: called after every application of `f` to one row; `count_steps` says how often.

    Raises:
        StreamdeqError: the model answers other classes than the data asks for, or no frame can be scored.
    """
    dataset = dataset.scored(model.spec.classes)
    check_classes(model.spec, dataset)
    plan = _plan(model, dataset, settings)
    frames = FrameCache(dataset.clips)
    scores = {condition: Score(model.task.metric()) for condition in _conditions(plan, settings)}
    for condition, sample, result in _answers(model, plan, frames, settings, on_step):
        scores[condition].add(sample, model.task.metric(), result, frames.target(sample))
    for score in scores.values():
        score.pieces = {sample: score.pieces[sample] for sample in plan.samples}
    return Evaluation(settings.solver or model.spec.solver, plan, scores)


def count_steps(model: Model, dataset: Dataset, settings: Settings) -> int:
    """Applications of `f` to one row that `evaluate` will make."""
    plan = _plan(model, dataset.scored(model.spec.classes), settings)
    name, most = settings.solver or model.spec.solver, settings.single_counts[-1]
    single = make_solver(name, most).evaluations(most) * len(plan.samples)
    frames = sum(chain.frames for chain in _chains(plan, settings))
    return single + frames * sum(make_solver(name, count).evaluations(count) for count in settings.iterations)


def check_classes(spec: ModelSpec, dataset: Dataset) -> None:
    """Raises StreamdeqError unless model and data mean the same by every class index."""
    if spec.task != dataset.task:
        raise StreamdeqError(f"expected data for {spec.task}, got {dataset.name}, which is for {dataset.task}")
    for number, (known, asked) in enumerate(zip(spec.classes, dataset.classes, strict=False)):
        if known != asked:
            raise StreamdeqError(
                f"model '{spec.name}' and {dataset.name} differ in their classes: number {number} is '{known}' in the "
                f"model and '{asked}' in the data; evaluate a model trained for these classes"
            )
    if len(spec.classes) != len(dataset.classes):
        raise StreamdeqError(
            f"model '{spec.name}' has {len(spec.classes)} classes and {dataset.name} {len(dataset.classes)}; "
            "evaluate a model trained for these classes"
        )


def _plan(model: Model, dataset: Dataset, settings: Settings) -> ScoringPlan:
    return make_plan(dataset, settings.offsets, early=model.task.counts_early)


def _chains(plan: ScoringPlan, settings: Settings) -> tuple[Chain, ...]:
    """Everything that is streamed."""
    through = continuous_chains(plan.samples) if settings.continuous and plan.chains else ()
    return (*plan.chains, *through)


def _conditions(plan: ScoringPlan, settings: Settings) -> list[Condition]:
    single = [Condition(Mode.SINGLE, count) for count in settings.single_counts]
    if not plan.chains:
        return single
    counts = settings.iterations
    streaming = [Condition(Mode.STREAMING, count, offset) for count in counts for offset in settings.offsets]
    through = [Condition(Mode.CONTINUOUS, count) for count in counts] if settings.continuous else []
    return [*single, *streaming, *through]


def _answers(
    model: Model, plan: ScoringPlan, frames: FrameCache, settings: Settings, on_step: Callable[[], None]
) -> Iterator[tuple[Condition, Sample, Result]]:
    """Every answer that is scored, as it comes."""

    def batch(capacity: int) -> _Batch:
        solver = make_solver(settings.solver or model.spec.solver, capacity)
        return _Batch(model.engine(solver, settings.size, settings.runtime), settings.batch, frames, on_step)

    counts = settings.single_counts
    for count, sample, result in batch(counts[-1]).single(plan.samples, counts):
        yield Condition(Mode.SINGLE, count), sample, result
    for count in settings.iterations:
        for offset, sample, result in batch(count).stream(_chains(plan, settings), count):
            yield Condition(Mode.CONTINUOUS if offset is None else Mode.STREAMING, count, offset), sample, result


class _Visit(NamedTuple):
    """A frame that a row streams over, and the offsets at which its answer is scored."""

    sample: Sample
    offsets: list[int | None]
    first: bool


def _visits(waiting: deque[Chain]) -> Iterator[_Visit]:
    """All frames of one chain after another; several rows may take their chains from the same queue."""
    while waiting:
        chain = waiting.popleft()
        for had in range(chain.frames):
            offsets = [read.offset for read in chain.reads if read.after == had]
            yield _Visit(Sample(chain.clip, chain.start + had), offsets, had == 0)


@dataclass(frozen=True)
class _Batch:
    """At most `size` rows of one engine, computed together."""

    engine: Engine
    size: int
    frames: FrameCache
    on_step: Callable[[], None]

    def single(self, samples: Sequence[Sample], counts: Sequence[int]) -> Iterator[tuple[int, Sample, Result]]:
        """(count, sample, answer): one solve from zeros per frame, read at every count (ascending) on its way."""
        rows = [self.engine.open() for _ in range(min(self.size, len(samples)))]
        for begin in range(0, len(samples), len(rows)):
            some = samples[begin : begin + len(rows)]
            active, done = rows[: len(some)], 0
            self.engine.observe(active, [self.frames.frame(sample) for sample in some], keep=False)
            for count in counts:
                evaluations = self.engine.solver.evaluations(count)
                results = run_steps(self.engine, active, evaluations - done, on_step=self._tell(active))
                done = evaluations
                for sample, result in zip(some, results, strict=True):
                    yield count, sample, result

    def stream(self, chains: Sequence[Chain], iterations: int) -> Iterator[tuple[int | None, Sample, Result]]:
        """(offset, sample, answer) of all chains. A row whose chain has ended takes up the next one at once."""
        evaluations, waiting = self.engine.solver.evaluations(iterations), deque(chains)
        lanes = [(self.engine.open(), _visits(waiting)) for _ in range(min(self.size, len(chains)))]
        # Rows keep their order, so that they stay behind one another in memory and are not copied.
        while now := [(row, visit) for row, visits in lanes if (visit := next(visits, None)) is not None]:
            for row, visit in now:
                if visit.first:
                    self.engine.reset(row)
            rows, due = [row for row, _ in now], [(row, visit) for row, visit in now if visit.offsets]
            frames, read = [self.frames.frame(visit.sample) for _, visit in now], [row for row, _ in due]
            results = run_frames(self.engine, rows, frames, evaluations, read=read, on_step=self._tell(rows))
            for (_, visit), result in zip(due, results, strict=True):
                for offset in visit.offsets:
                    yield offset, visit.sample, result

    def _tell(self, rows: Sequence[Row]) -> OnStep:
        def told(step: int) -> None:
            for _ in rows if step else ():
                self.on_step()

        return told
