"""Several models on the same frames, as one table: streaming, from scratch and alone, with intervals and times.

Where answers are label maps, with their flicker too.

Ours stream by the protocol; a peer (`peers`) answers every frame alone. Times are measured in turns, so that whatever
else the machine does falls on all alike. Knows no file.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from streamdeq.data.base import Clip, Dataset
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.bootstrap import RESAMPLES, Interval, Resamples, interval, resample
from streamdeq.evaluation.flicker import flicker, still_masks
from streamdeq.evaluation.frame_cache import FrameCache
from streamdeq.evaluation.latency import measure, some_images
from streamdeq.evaluation.peers import Peer, Training
from streamdeq.evaluation.plan import Sample, make_plan
from streamdeq.evaluation.protocol import Evaluated, Evaluation, Mode, Score, Settings, check_classes, evaluate
from streamdeq.solvers import make_solver
from streamdeq.tasks import Result
from streamdeq.values.frame import Frame

#: Turns of timing, and frames of each (the first are not counted).
TURNS, FRAMES, UNCOUNTED = 5, 25, 5
#: Frames at the start of the flicker's film that are streamed and not counted.
LEAD = 10


@dataclass(frozen=True)
class Figure:
    """A metric in points, and where it lies in 95 of 100 resamples of the frames; None where nothing was counted, and
    no interval where none was drawn."""

    value: float | None
    interval: Interval | None


@dataclass(frozen=True)
class Line:
    """One model at one number of iterations per frame.

    Args:
        nfe: applications of `f` per frame; None for a peer, which has none.
        streaming: after `offset` further frames; None without video.
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


@dataclass(frozen=True)
class Entry:
    """One model of the table.

    Args:
        single: the frame alone at the iterations that suit the model best; `best` says how many.
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
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Comparison:
    """What is compared, on the same frames; `block` of them are drawn together for an interval, None without any."""

    metric: str
    frames: int
    offset: int
    block: int | None
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Ours:
    """A model that streams."""

    model: Evaluated
    parameters: int


@dataclass(frozen=True)
class Theirs:
    """A peer."""

    name: str
    peer: Peer
    training: Training


@dataclass(eq=False)
class _Times:
    """Milliseconds of a contestant by iterations, a median per turn."""

    turns: dict[int, list[float]] = field(default_factory=dict)

    def note(self, iterations: int, ms: float) -> None:
        self.turns.setdefault(iterations, []).append(ms)

    def median(self, iterations: int) -> float:
        return float(np.median(self.turns[iterations]))


@dataclass(frozen=True, eq=False)
class _Film:
    """A clip, and which of its pixels stand still from each frame to the next, from frame `LEAD` on."""

    clip: Clip
    still: list[np.ndarray]

    @staticmethod
    def of(clip: Clip) -> "_Film":
        return _Film(clip, still_masks([clip.image(t) for t in range(len(clip))])[LEAD:])

    def flicker(self, answers: Iterator[Result]) -> float | None:
        return flicker(self.still, answers) if self.still else None


@dataclass(frozen=True, eq=False)
class _Ground:
    """What all are judged on. `film` is that of the flicker, None where answers are no label maps."""

    dataset: Dataset
    samples: Sequence[Sample]
    draws: Resamples | None
    film: _Film | None

    def figure(self, score: Score) -> Figure:
        value = _value(score)
        within = interval(self.draws.figures(score.pieces, score.total.name)) if self.draws else None
        return Figure(None if np.isnan(value) else value, within)


def compare(
    ours: Sequence[Ours],
    theirs: Sequence[Theirs],
    dataset: Dataset,
    settings: Settings,
    report: Callable[[str], None] = lambda what: None,
    resamples: int = RESAMPLES,
    advance: Callable[[], None] = lambda: None,
) -> Comparison:
    """Judge all on the frames of `dataset` that have as many predecessors as the settings' one offset; on all frames,
    and without streaming, where it has single pictures only.

    Args:
        report: told what is done next.
        resamples: to draw intervals from; 0 for no intervals.
        advance: called after every application of `f` to one row while scoring; `count_steps` of each model says how
            often.

    Raises:
        StreamdeqError: models of other classes than the data's, no model, several offsets, or nothing to score.
    """
    if not ours or len(settings.offsets) != 1:
        raise StreamdeqError("a comparison needs at least one model and exactly one offset")
    task = ours[0].model.task
    scored = dataset.scored(ours[0].model.spec.classes)
    for one in ours:
        check_classes(one.model.spec, scored)
    plan = make_plan(scored, settings.offsets, early=task.counts_early)
    draws = resample(plan.samples, resamples, films=plan.films) if resamples else None
    film = _Film.of(max(scored.clips, key=len)) if task.label_maps else None
    ground = _Ground(scored, plan.samples, draws, film)
    times = _time(ours, theirs, scored, settings, report)
    entries, metric = [], task.metric().name
    for one, clock in zip(ours, times, strict=False):
        report(f"scoring {one.model.spec.name}")
        evaluation = evaluate(one.model, dataset, settings, advance)
        metric = next(iter(evaluation.scores.values())).total.name
        entries.append(_entry(one, evaluation, ground, clock, settings))
    for one, clock in zip(theirs, times[len(ours) :], strict=True):
        report(f"scoring {one.name}")
        entries.append(_peer_entry(one, ground, clock))
    block = draws.length if draws else None
    return Comparison(metric, len(plan.samples), settings.offsets[0], block, tuple(entries))


def _entry(one: Ours, evaluation: Evaluation, ground: _Ground, times: _Times, settings: Settings) -> Entry:
    scores = {(cell.mode, cell.iterations): score for cell, score in evaluation.scores.items()}
    single = {count: _value(score) for (mode, count), score in scores.items() if mode is Mode.SINGLE}
    best = max(single, key=lambda count: (single[count], -count))

    def restless(iterations: int, keep: bool) -> float | None:
        film = ground.film
        return film.flicker(_stream(one.model, film.clip, iterations, settings, keep)) if film else None

    lines = [
        Line(
            count,
            scores[Mode.SINGLE, count].nfe,
            ground.figure(scores[Mode.STREAMING, count]) if evaluation.plan.chains else None,
            ground.figure(scores[Mode.SINGLE, count]),
            times.median(count),
            restless(count, keep=True),
        )
        for count in settings.iterations
    ]
    trained = one.model.spec.provenance
    return Entry(
        one.model.spec.name,
        one.parameters,
        ground.figure(scores[Mode.SINGLE, best]),
        best,
        restless(best, keep=False),
        trained.steps,
        trained.seconds,
        tuple(lines),
    )


def _peer_entry(one: Theirs, ground: _Ground, times: _Times) -> Entry:
    frames, score, peer = FrameCache(ground.dataset.clips), Score(one.peer.task.metric()), one.peer
    for sample in ground.samples:
        piece = score.pieces[sample] = peer.task.metric()
        piece.update(peer.answer(frames.frame(sample).image), frames.target(sample))
        score.total.merge(piece)
    figure, film, restless = ground.figure(score), ground.film, None
    if film:
        restless = film.flicker(peer.answer(film.clip.image(t)) for t in range(LEAD, len(film.clip)))
    line = Line(1, None, None, figure, times.median(1), restless)
    return Entry(one.name, peer.parameters, figure, 1, restless, one.training.steps, one.training.seconds, (line,))


def _value(score: Score) -> float:
    return score.total.figure(score.total.name)


def _stream(model: Evaluated, film: Clip, iterations: int, settings: Settings, keep: bool) -> Iterator[Result]:
    """The answers for the film's frames from `LEAD` on, each started from the last one's or (not `keep`) from zeros."""
    solver = make_solver(settings.solver or model.spec.solver, iterations)
    engine = model.engine(solver, settings.size)
    row = engine.open()
    for t in range(0 if keep else LEAD, len(film)):
        engine.observe([row], [Frame(film.image(t), t, t / film.fps)], keep=keep)
        for _ in range(solver.evaluations(iterations)):
            engine.iterate([row])
        if t >= LEAD:
            yield from engine.read([row])


def _time(
    ours: Sequence[Ours],
    theirs: Sequence[Theirs],
    dataset: Dataset,
    settings: Settings,
    report: Callable[[str], None],
) -> list[_Times]:
    """Every contestant's times, ours first, in turns."""
    images = some_images(dataset, FRAMES)
    times = [_Times() for _ in (*ours, *theirs)]
    for turn in range(TURNS):
        report(f"timing, turn {turn + 1} of {TURNS}")
        for one, clock in zip(ours, times, strict=False):
            for count in settings.iterations:
                clock.note(count, measure(one.model, images, count, settings, UNCOUNTED).total.p50)
        for one, clock in zip(theirs, times[len(ours) :], strict=True):
            clock.note(1, _time_peer(one.peer, images))
    return times


def _time_peer(peer: Peer, images: Sequence[np.ndarray]) -> float:
    seconds = []
    for image in images:
        began = perf_counter()
        peer.answer(image)
        seconds.append(perf_counter() - began)
    return 1000 * float(np.median(seconds[UNCOUNTED:]))
