"""What stands on the screen when a frame's time is over is what is scored."""

from types import SimpleNamespace

import numpy as np
import pytest

from streamdeq.serving.bench.outcome import Answered, Outcome, figures_of, on_screen
from streamdeq.serving.bench.show import Film, Show
from streamdeq.serving.bench.timetable import Arrival
from streamdeq.tasks.segmentation.task import SegmentationMetric


def label_map(value: int) -> np.ndarray:
    return np.full((4, 4), value, np.uint8)


#: Frame n of the film shows class n throughout, and is told to come every second; frame 2 has no label.
FILM = Film(
    "f", 1.0, tuple(np.zeros((4, 4, 3), np.uint8) for _ in range(4)), (*map(label_map, (0, 1)), None, label_map(3))
)
SHOW = Show([FILM], (tuple(Arrival(float(n), n) for n in range(4)),), 1.0)
TASK = SimpleNamespace(metric=lambda: SegmentationMetric(("a", "b", "c", "d")))


def answered(number: int, at_s: float, steps: int = 1) -> Answered:
    return Answered(0, number, at_s, steps, SimpleNamespace(labels=label_map(number)))


def arrived() -> list[tuple[int, int]]:
    return [(0, n) for n in range(4)]


def test_the_newest_answer_there_is_when_the_next_frame_is_due_is_paired_with_the_frame():
    outcome = Outcome((answered(0, 0.4), answered(1, 2.5), answered(3, 3.9)), 1)
    shown = [(frame, int(result.labels[0, 0])) for _, frame, result, _ in on_screen(outcome, SHOW, arrived())]
    assert shown == [(0, 0), (1, 0), (3, 3)]  # frame 1's own came too late: the one before it stands there


def test_a_frame_that_comes_early_ends_the_time_of_the_one_before_it():
    early = Show([FILM], ((Arrival(0.0, 0), Arrival(0.7, 1)),), 1.0)
    outcome = Outcome((answered(0, 0.4), answered(1, 0.9)), 0)
    pairs = [(frame, int(result.labels[0, 0])) for _, frame, result, _ in on_screen(outcome, early, [(0, 0), (0, 1)])]
    assert pairs == [(0, 0), (1, 1)]


def test_the_figures_are_those_worked_out_by_hand():
    outcome = Outcome((answered(0, 0.4, 3), answered(1, 2.5, 1), answered(3, 3.9, 2)), 1)
    figures = figures_of(outcome, SHOW, TASK, 0.0)  # type: ignore[arg-type]
    assert (figures.arrived, figures.answered, figures.dropped, figures.hit) == (4, 3, 1, 0.5)
    assert figures.age_ms[0] == pytest.approx(900)
    assert figures.steps == 2.0
    assert figures.own.value == 100.0
    # class a: 16 of 32 predicted right, b: missed, d: right; c neither is nor is predicted
    assert figures.shown.value == pytest.approx(100 * (0.5 + 0 + 1) / 3)
    assert figures.shown.interval is None


def test_what_comes_in_the_first_seconds_is_not_scored():
    outcome = Outcome((answered(0, 0.4), answered(1, 2.5), answered(3, 3.9)), 1)
    figures = figures_of(outcome, SHOW, TASK, 2.5, resamples=20)  # type: ignore[arg-type]
    assert (figures.arrived, figures.answered, figures.hit, figures.shown.value) == (1, 1, 1.0, 100.0)
    assert figures.shown.interval is not None


def test_without_an_answer_there_is_no_figure():
    figures = figures_of(Outcome((), 4), SHOW, TASK, 0.0, resamples=20)  # type: ignore[arg-type]
    assert (figures.hit, figures.shown.value, figures.answered) == (0.0, None, 0)
