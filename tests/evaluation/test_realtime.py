"""What is on the screen while answers take time: known durations, known answers."""

from itertools import cycle

import pytest

from streamdeq.evaluation.realtime import Finished, Pace, in_force, timeline


def always(seconds: float):
    return lambda: seconds


def test_who_is_faster_than_the_frames_answers_each_of_them_once():
    pace = Pace(always(0.01), always(0.02), always(0.01))
    assert timeline(3, 10, pace) == [
        Finished(0, 1, pytest.approx(0.04)),
        Finished(1, 1, pytest.approx(0.14)),
        Finished(2, 1, pytest.approx(0.24)),
    ]


def test_who_is_slower_takes_the_newest_frame_and_leaves_the_others_out():
    found = timeline(10, 10, Pace(always(0.0), always(0.25), always(0.0)))
    assert [one.frame for one in found] == [0, 2, 5, 7, 9]


def test_an_answer_after_every_step_until_a_newer_frame_is_there():
    found = timeline(2, 10, Pace(always(0.0), always(0.03), always(0.01), most=8, anytime=True))
    assert [(one.frame, one.steps) for one in found] == [(0, 1), (0, 2), (0, 3), (1, 1), (1, 2)]


def test_no_further_step_is_begun_that_would_not_be_done_when_the_next_frame_comes():
    pace = Pace(always(0.0), always(0.03), always(0.01), most=8, anytime=True, expected_s=0.04)
    assert [(one.frame, one.steps) for one in timeline(2, 10, pace)] == [(0, 1), (0, 2), (1, 1), (1, 2)]


def test_without_that_there_is_one_answer_at_the_end():
    found = timeline(1, 10, Pace(always(0.01), always(0.03), always(0.01), most=4))
    assert found == [Finished(0, 4, pytest.approx(0.14))]


def test_durations_are_drawn_one_after_another():
    drawn = cycle((0.05, 0.25))
    found = timeline(4, 10, Pace(always(0.0), lambda: next(drawn), always(0.0)))
    assert [(one.frame, round(one.at_s, 2)) for one in found] == [(0, 0.05), (1, 0.35), (3, 0.4)]


def test_a_frame_is_paired_with_the_latest_answer_finished_by_its_time():
    found = [Finished(0, 1, 0.04), Finished(0, 2, 0.1), Finished(2, 1, 0.25)]
    assert dict(in_force(found, 10, [0, 1, 2, 3])) == {0: None, 1: found[1], 2: found[1], 3: found[2]}
