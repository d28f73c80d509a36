"""Several models on the same frames: streaming, from scratch and alone, with intervals, times and flicker.

Models stream by the protocol; a peer (`peers`) answers every frame alone. Times are measured in turns, so that whatever
else the machine does falls on all alike.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter

import numpy as np

from streamdeq.api import Model
from streamdeq.data.base import Clip, Dataset
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.bootstrap import RESAMPLES, Figure, Resamples, interval, resample
from streamdeq.evaluation.flicker import flicker, still_masks
from streamdeq.evaluation.latency import measure_latency, some_images
from streamdeq.evaluation.peers import Peer
from streamdeq.evaluation.protocol.frames import FrameCache
from streamdeq.evaluation.protocol.plan import ScoringPlan
from streamdeq.evaluation.protocol.run import check_classes, evaluate, plan_of
from streamdeq.evaluation.protocol.score import Condition, Mode, Score
from streamdeq.evaluation.protocol.settings import Settings
from streamdeq.solvers import make_solver
from streamdeq.streaming.loop import run_clip
from streamdeq.tasks import Result, build_network
from streamdeq.values.frame import Frame

#: Turns of timing, and frames of each (the first are not counted).
TURNS, FRAMES, UNCOUNTED = 5, 25, 5
#: Frames at the start of the clip for flicker that are streamed and not counted.
LEAD = 10


@dataclass(frozen=True)
class BudgetLine:
    """One model at one number of iterations per frame.

    Args:
        nfe: applications of `f` per frame; None for a peer, which has none.
        streaming: after `offset` further frames; None without video.
        ahead: by how many points (of an error: fewer) that is more than the first model's at as many iterations, its
            interval from the same resamples; of single frames without video; None for the first and for a peer.
        scratch: the frame alone, as many iterations from zeros.
        ms: median milliseconds per frame, from the uint8 picture to the answer.
        flicker: percent of still pixels whose label flips, while streaming; of a peer, frame by frame; None where
            answers are no label maps, and without video.
    """

    iterations: int
    nfe: int | None
    streaming: Figure | None
    scratch: Figure
    ms: float
    flicker: float | None
    ahead: Figure | None = None


@dataclass(frozen=True)
class ComparedModel:
    """One model of the table.

    Args:
        single: the frame alone at the iterations that the model's description names; `best` says how many.
        flicker: frame by frame at `best` iterations.
        steps, seconds: of its training; 0 where unknown.
    """

    name: str
    parameters: int
    single: Figure
    best: int
    flicker: float | None
    steps: int
    seconds: float
    lines: tuple[BudgetLine, ...]


@dataclass(frozen=True)
class Comparison:
    """What is compared, on the same frames; `block` of them are drawn together for an interval, None without any."""

    metric: str
    frames: int
    offset: int
    block: int | None
    entries: tuple[ComparedModel, ...]
    films: bool = False


#: A figure and those of its resamples, None without any.
_Drawn = tuple[float, np.ndarray | None]


@dataclass(frozen=True, eq=False)
class _Scoring:
    """What all are judged on, and how. `clip` is that of the flicker, None where answers are no label maps; `first` are
    the figures of the first model by iterations."""

    dataset: Dataset
    plan: ScoringPlan
    draws: Resamples | None
    settings: Settings
    clip: Clip | None
    first: dict[int, _Drawn] = field(default_factory=dict)

    @cached_property
    def still(self) -> list[np.ndarray]:
        """Which pixels of the clip stand still from each frame to the next, from frame `LEAD` on."""
        clip = self.clip
        return [] if clip is None else still_masks([clip.image(t) for t in range(len(clip))])[LEAD:]

    def flicker(self, answers: Callable[[Clip], Iterable[Result]]) -> float | None:
        """Of the answers for the clip's frames from `LEAD` on."""
        return flicker(self.still, answers(self.clip)) if self.clip is not None and self.still else None

    def model(self, model: Model, scores: Mapping[Condition, Score], ms: Mapping[int, float]) -> ComparedModel:
        best = model.spec.reference_solve.iterations

        def line(count: int) -> BudgetLine:
            scratch = scores[Condition(Mode.SINGLE, count)]
            streaming = scores.get(Condition(Mode.STREAMING, count, *self.settings.offsets))
            return BudgetLine(
                count,
                scratch.nfe,
                streaming.figure(self.draws) if streaming else None,
                scratch.figure(self.draws),
                ms[count],
                self.flicker(lambda clip: self._streamed(model, clip, count, keep=True)),
                self._ahead(count, streaming or scratch),
            )

        return ComparedModel(
            model.spec.name,
            sum(p.numel() for p in build_network(model.spec).parameters()),
            scores[Condition(Mode.SINGLE, best)].figure(self.draws),
            best,
            self.flicker(lambda clip: self._streamed(model, clip, best, keep=False)),
            model.spec.provenance.steps,
            model.spec.provenance.seconds,
            tuple(map(line, self.settings.iterations)),
        )

    def _ahead(self, count: int, score: Score) -> Figure | None:
        """Of the first model; the first time, when it is that, None."""
        name, sign = score.total.name, -1 if score.total.name in score.total.errors else 1
        value, drawn = score.total.figure(name), self.draws and self.draws.figures(score.pieces, name)
        if count not in self.first:
            self.first[count] = value, drawn
            return None
        first, of_first = self.first[count]
        within = None if drawn is None or of_first is None else interval(sign * (drawn - of_first))
        return None if math.isnan(value - first) else Figure(sign * (value - first), within)

    def peer(self, peer: Peer, ms: float) -> ComparedModel:
        frames, score = FrameCache(self.dataset.clips), Score(peer.task.metric())
        for sample in self.plan.samples:
            score.add(sample, peer.task.metric(), peer.answer(frames.frame(sample).image), frames.target(sample))
        figure = score.figure(self.draws)
        flips = self.flicker(lambda clip: (peer.answer(clip.image(t)) for t in range(LEAD, len(clip))))
        line = BudgetLine(1, None, None, figure, ms, flips)
        steps, seconds = peer.trained.steps, peer.trained.seconds
        return ComparedModel(peer.name, peer.parameters, figure, 1, flips, steps, seconds, (line,))

    def _streamed(self, model: Model, clip: Clip, iterations: int, keep: bool) -> Iterable[Result]:
        """The answers from `LEAD` on, each started from the last one's or (not `keep`) from zeros."""
        solver = make_solver(self.settings.solver or model.spec.solver, iterations)
        engine, first = model.engine(solver, self.settings.size, self.settings.runtime), 0 if keep else LEAD
        frames = (Frame(clip.image(t), t, t / clip.fps) for t in range(first, len(clip)))
        return run_clip(engine, engine.open(), frames, solver.evaluations(iterations), keep=keep, skip=LEAD - first)


def compare(
    models: Sequence[Model],
    peers: Sequence[Peer],
    dataset: Dataset,
    settings: Settings,
    report: Callable[[str], None] = lambda what: None,
    resamples: int = RESAMPLES,
    on_step: Callable[[], None] = lambda: None,
) -> Comparison:
    """Judge all on the frames of `dataset` that have as many predecessors as the settings' one offset; on all frames,
    and without streaming, where it has single pictures only.

    Args:
        report: told what is done next.
        resamples: to draw intervals from; 0 for no intervals.
        on_step: called after every application of `f` to one row while scoring; `count_steps` of each model says how
            often.

    Raises:
        StreamdeqError: models of other classes than the data's, no model, several offsets, or nothing to score.
    """
    if not models or len(settings.offsets) != 1:
        raise StreamdeqError("a comparison needs at least one model and exactly one offset")
    task = models[0].task
    scored = dataset.scored(models[0].spec.classes)
    for model in models:
        check_classes(model.spec, scored)
    plan = plan_of(models[0], scored, settings)
    draws = resample(plan.samples, resamples, films=plan.films) if resamples else None
    scoring = _Scoring(scored, plan, draws, settings, max(scored.clips, key=len) if task.label_maps else None)
    ms, entries, metric = _time(models, peers, scored, settings, report), [], ""
    for number, model in enumerate(models):
        report(f"scoring {model.spec.name}")
        scores = evaluate(model, dataset, settings, on_step).scores
        metric = next(iter(scores.values())).total.name  # what it is may depend on the labels
        entries.append(scoring.model(model, scores, {count: ms[number, count] for count in settings.iterations}))
    for number, peer in enumerate(peers, start=len(models)):
        report(f"scoring {peer.name}")
        entries.append(scoring.peer(peer, ms[number, 1]))
    block = draws.length if draws else None
    films = bool(draws and draws.films)
    return Comparison(metric, len(plan.samples), settings.offsets[0], block, tuple(entries), films)


def _time(
    models: Sequence[Model],
    peers: Sequence[Peer],
    dataset: Dataset,
    settings: Settings,
    report: Callable[[str], None],
) -> dict[tuple[int, int], float]:
    """Median milliseconds of a frame, over turns, by the contestant's number (models first) and iterations."""
    images, times = some_images(dataset, FRAMES), defaultdict(list)
    for turn in range(TURNS):
        report(f"timing, turn {turn + 1} of {TURNS}")
        for number, model in enumerate(models):
            for count in settings.iterations:
                latency = measure_latency(model, images, count, settings, UNCOUNTED)
                times[number, count].append(latency.total.p50)
        for number, peer in enumerate(peers, start=len(models)):
            times[number, 1].append(_time_peer(peer, images))
    return {contestant: float(np.median(of_turns)) for contestant, of_turns in times.items()}


def _time_peer(peer: Peer, images: Sequence[np.ndarray]) -> float:
    """Median milliseconds of a frame."""
    seconds = []
    for image in images:
        began = perf_counter()
        peer.answer(image)
        seconds.append(perf_counter() - began)
    return 1000 * float(np.median(seconds[UNCOUNTED:]))
