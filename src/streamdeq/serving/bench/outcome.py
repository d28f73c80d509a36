"""What came of a show: which frames were answered when, and how good the answers on the screen were."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from streamdeq.evaluation.bootstrap import Figure, resample
from streamdeq.evaluation.protocol.plan import Sample
from streamdeq.evaluation.protocol.score import Score
from streamdeq.serving.bench.show import Show
from streamdeq.tasks import Task


@dataclass(frozen=True, eq=False)
class Answered:
    """A frame's answer: frame `number` of a camera's timetable; the time is counted from the start of the show."""

    camera: int
    number: int
    answered_s: float
    steps: int
    result: Any


@dataclass(frozen=True, eq=False)
class Outcome:
    """Of one way and one show.

    Args:
        dropped: frames that came and got no answer.
    """

    answers: tuple[Answered, ...]
    dropped: int


@dataclass(frozen=True)
class Figures:
    """What is reported of an outcome; frames that came in the first seconds are left out, but for `dropped`.

    Args:
        hit: part of the frames that came whose answers were in time, dropped ones being late.
        age_ms: of answers, median and 99th percentile.
        steps: applications of f per answered frame.
        shown: the task's figure for what stands on the screen when the next frame comes, or is due: the newest answer
            by then, of whichever frame, against the labels of the frame that has come last (Li, Wang and Ramanan,
            "Towards streaming perception", ECCV 2020).
        own: the same answers against the labels of the frames that they are about.
    """

    arrived: int
    answered: int
    dropped: int
    hit: float
    age_ms: tuple[float, float]
    steps: float
    shown: Figure
    own: Figure


def figures_of(outcome: Outcome, show: Show, task: Task, settle_s: float, resamples: int = 0) -> Figures:
    """Raises StreamdeqError where the answers cannot be scored."""
    arrived = [(c, n) for c, table in enumerate(show.tables) for n, one in enumerate(table) if one.at_s >= settle_s]
    counted = set(arrived)
    later = [one for one in outcome.answers if (one.camera, one.number) in counted]
    ages = np.array([one.answered_s - show.tables[one.camera][one.number].at_s for one in later])
    shown, own = Score(task.metric()), Score(task.metric())
    for camera, shows, result, target in on_screen(outcome, show, arrived):
        _add(shown, task, Sample(camera % len(show.films), shows), result, target)
    for one in later:
        shows = show.tables[one.camera][one.number].shows
        if (target := show.film(one.camera).targets[shows]) is not None:
            _add(own, task, Sample(one.camera % len(show.films), shows), one.result, target)
    return Figures(
        len(arrived),
        len(later),
        outcome.dropped,
        float((ages <= show.deadline_s).sum() / max(1, len(arrived))),
        (float(1e3 * np.median(ages)), float(1e3 * np.percentile(ages, 99))) if len(ages) else (np.nan, np.nan),
        float(np.mean([one.steps for one in later])) if later else np.nan,
        _figure(shown, resamples),
        _figure(own, resamples),
    )


def on_screen(outcome: Outcome, show: Show, arrived: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, Any, Any]]:
    """For each labelled frame, when its time is over: camera, number in the film, the newest answer, the labels."""
    by_camera: dict[int, list[Answered]] = defaultdict(list)
    for one in sorted(outcome.answers, key=lambda one: one.answered_s):
        by_camera[one.camera].append(one)
    times = {camera: np.array([one.answered_s for one in answers]) for camera, answers in by_camera.items()}
    for camera, number in arrived:
        arrival, *later = show.tables[camera][number : number + 2]
        target = show.film(camera).targets[arrival.shows]
        if target is None or camera not in times:
            continue
        over_s = min([arrival.at_s + show.deadline_s, *(one.at_s for one in later)])
        place = int(np.searchsorted(times[camera], over_s, side="right"))
        if place:
            yield camera, arrival.shows, by_camera[camera][place - 1].result, target


def _add(score: Score, task: Task, sample: Sample, result: Any, target: Any) -> None:
    """The frame of a film may be shown often: its piece holds all of it."""
    piece = task.metric()
    piece.update(result, target)
    score.total.merge(piece)
    if sample in score.pieces:
        score.pieces[sample].merge(piece)
    else:
        score.pieces[sample] = piece


def _figure(score: Score, resamples: int) -> Figure:
    draws = resample(tuple(score.pieces), resamples) if resamples and score.pieces else None
    return score.figure(draws)
