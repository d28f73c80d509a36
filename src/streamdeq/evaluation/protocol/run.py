"""The streaming protocol of the paper: how good an answer is t frames after streaming began.

`streaming`: labelled frame n, streaming since frame n − t with M iterations per frame, each frame started from the
answer for the last one; from zeros at first, unless the settings' `start` says otherwise (see `streaming.start`).
`single`: frame n alone, M iterations from zeros. `continuous`: frame n, streaming since the first frame of its clip.
All scores are about the same frames.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from streamdeq.api import Model
from streamdeq.data.base import Dataset
from streamdeq.data.open import open_dataset
from streamdeq.data.random_frame import random_frame
from streamdeq.data.randomness import generator
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.answers import Batch, Streaming, steps_of
from streamdeq.evaluation.protocol.frames import FrameCache
from streamdeq.evaluation.protocol.parts import Parts, Scored, Shard
from streamdeq.evaluation.protocol.plan import Chain, Draw, Sample, ScoringPlan, continuous_chains, make_plan
from streamdeq.evaluation.protocol.score import Condition, Mode, Score
from streamdeq.evaluation.protocol.settings import Settings
from streamdeq.models.checkpoint import digest
from streamdeq.models.spec import ModelSpec
from streamdeq.solvers import make_solver
from streamdeq.streaming.options import StartFrom
from streamdeq.streaming.start import Begin, Reference
from streamdeq.tasks import Result


class Scores(Mapping[Condition, Score]):
    """Scores by condition: single frames first, then streaming, then continuous. Each is read when it is asked for."""

    def __init__(self, job: "Job") -> None:
        self._job = job

    def __getitem__(self, condition: Condition) -> Score:
        if condition not in self._job.conditions:
            raise KeyError(condition)
        score = Score(self._job.model.task.metric())
        for number in range(len(self._job.pieces)):
            found = self._job.parts.read(number, condition.name)
            score.merge(found.pieces, found.nfe, found.failed)
        return score

    def __iter__(self) -> Iterator[Condition]:
        return iter(self._job.conditions)

    def __len__(self) -> int:
        return len(self._job.conditions)


@dataclass(frozen=True)
class Evaluation:
    """Scores by condition over `plan.samples`."""

    solver: str
    plan: ScoringPlan
    scores: Mapping[Condition, Score]


class Job:
    """An evaluation that several processes may share: `run` computes what is not there yet of a share of it.

    Args:
        folder: where the parts are kept; a temporary one if None.

    Raises:
        StreamdeqError: the model answers other classes than the data asks for, or no frame can be scored.
    """

    def __init__(self, model: Model, dataset: Dataset, settings: Settings, folder: Path | None = None) -> None:
        self.model, self.settings = model, settings
        self.dataset = dataset.scored(model.spec.classes)
        check_classes(model.spec, self.dataset)
        self.plan = plan_of(model, self.dataset, settings)
        self.pieces = tuple(self.plan.parts(settings.batch))
        self.reference = Reference.of(model.spec.reference_solve)
        self.counts = settings.single_counts(model.spec.reference_solve.iterations)
        self.conditions = tuple(self._conditions())
        self.parts = Parts(folder, self._identity() if folder else {}, model.task.metric())

    @property
    def missing(self) -> list[int]:
        """The pieces that have not been scored yet."""
        return [number for number in range(len(self.pieces)) if not self.parts.has(number)]

    def mine(self, shard: Shard | None) -> list[int]:
        """The missing pieces that are a shard's, or all."""
        return [n for n in self.missing if shard is None or n % shard.of == shard.number - 1]

    def steps(self, shard: Shard | None = None) -> int:
        """Applications of `f` to one row that `run` will make."""
        name, most = self.settings.solver or self.model.spec.solver, self.counts[-1]
        evaluations = [make_solver(name, count).evaluations(count) for count in self.settings.iterations]
        total = 0
        for piece in (self.pieces[number] for number in self.mine(shard)):
            total += make_solver(name, most).evaluations(most) * len(piece.samples)
            for chain in self._chains(piece):
                start, long = StartFrom(self.settings.start), self.reference.evaluations
                total += sum(steps_of(chain, count, long, start) for count in evaluations)
        return total

    def run(self, shard: Shard | None = None, on_step: Callable[[], None] = lambda: None) -> None:
        """Score the missing pieces; `on_step` is called after every application of `f` to one row."""
        frames, how = FrameCache(self.dataset.clips), self._streaming()
        for number in self.mine(shard):
            scores = {condition: Score(self.model.task.metric()) for condition in self.conditions}
            for condition, sample, result in self._answers(self.pieces[number], frames, how, on_step):
                scores[condition].add(sample, self.model.task.metric(), result, frames.target(sample))
            scored = {}
            for condition, score in scores.items():
                in_order = {sample: score.pieces[sample] for sample in self.pieces[number].samples}
                scored[condition.name] = Scored(in_order, score.nfe, score.failed)
            self.parts.write(number, scored)

    def evaluation(self) -> Evaluation:
        """Of all pieces, none of which may be missing."""
        solver = self.settings.solver or self.model.spec.solver
        return Evaluation(solver, self.plan, Scores(self))

    def _conditions(self) -> Iterator[Condition]:
        settings = self.settings
        yield from (Condition(Mode.SINGLE, count) for count in self.counts)
        if self.plan.chains:
            for count in settings.iterations:
                yield from (Condition(Mode.STREAMING, count, offset) for offset in settings.offsets)
            if settings.continuous:
                yield from (Condition(Mode.CONTINUOUS, count) for count in settings.iterations)

    def _chains(self, piece: ScoringPlan) -> tuple[Chain, ...]:
        """Everything that is streamed."""
        through = continuous_chains(piece.samples) if self.settings.continuous and piece.chains else ()
        return (*piece.chains, *through)

    def _streaming(self) -> Streaming:
        settings = self.settings
        begin = Begin(StartFrom(settings.start), self.reference)
        if settings.start != StartFrom.OTHER or not self.plan.chains:
            return Streaming(begin)
        named = settings.start_from
        others = self.dataset if named is None else open_dataset(named, self.dataset.split)

        def before(chain: Chain) -> np.ndarray:
            own = self.dataset.clips[chain.clip] if named is None else None
            return random_frame(others, generator(settings.seed, f"before frame {chain.start}", chain.clip), own)

        return Streaming(begin, before)

    def _answers(
        self, piece: ScoringPlan, frames: FrameCache, how: Streaming, on_step: Callable[[], None]
    ) -> Iterator[tuple[Condition, Sample, Result]]:
        """Every answer that is scored, as it comes."""
        settings, model = self.settings, self.model

        def batch(capacity: int) -> Batch:
            solver = make_solver(settings.solver or model.spec.solver, capacity)
            return Batch(model.engine(solver, settings.size, settings.runtime), settings.batch, frames, on_step)

        for count, sample, result in batch(self.counts[-1]).single(piece.samples, self.counts):
            yield Condition(Mode.SINGLE, count), sample, result
        for count in settings.iterations:
            for offset, sample, result in batch(count).stream(self._chains(piece), count, how):
                yield Condition(Mode.CONTINUOUS if offset is None else Mode.STREAMING, count, offset), sample, result

    def _identity(self) -> dict[str, Any]:
        """What decides the results."""
        functions, data = self.model.functions, self.dataset
        return {
            "model": digest({name: t.float().cpu() for name, t in functions.network.state_dict().items()}),
            "data": f"{data.name}, {data.split}, {sum(map(len, data.clips))} frames, {len(data.samples)} labelled",
            "scored": [len(self.plan.samples), len(self.pieces)],
            "precision": str(functions.dtype),
            "settings": asdict(self.settings) | {"reference": asdict(self.model.spec.reference_solve)},
        }


def evaluate(
    model: Model, dataset: Dataset, settings: Settings, on_step: Callable[[], None] = lambda: None
) -> Evaluation:
    """Run the protocol on a split.

    Args:
        on_step: called after every application of `f` to one row; `count_steps` says how often.

    Raises:
        StreamdeqError: the model answers other classes than the data asks for, or no frame can be scored.
    """
    job = Job(model, dataset, settings)
    job.run(on_step=on_step)
    return job.evaluation()


def count_steps(model: Model, dataset: Dataset, settings: Settings) -> int:
    """Applications of `f` to one row that `evaluate` will make."""
    return Job(model, dataset, settings).steps()


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


def counts_early(model: Model, settings: Settings) -> bool:
    """Whether frames with fewer predecessors than an offset are scored at it: as asked, or as is usual in the task."""
    return model.task.counts_early if settings.population is None else settings.population == "all"


def plan_of(model: Model, scored: Dataset, settings: Settings) -> ScoringPlan:
    """What is scored, on a split as the model is scored on it."""
    reach = {StartFrom.ZEROS: 0, StartFrom.REFERENCE_EACH: 1}.get(StartFrom(settings.start))
    draw = Draw(settings.clips, settings.frames_per_clip, settings.seed)
    return make_plan(scored, settings.offsets, early=counts_early(model, settings), draw=draw, reach=reach)
