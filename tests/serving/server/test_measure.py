"""What is measured of a pool before its first frame, and what is made of it."""

import pytest
from support.small_models import engine_of, network_functions

from streamdeq.serving.server.measure import Taken, costs_of, measure
from streamdeq.solvers import Picard

#: Rows cost a step the same alone, but starting and reading have something that each batch pays once.
ONCE = [Taken(n, 0.003 + 0.001 * n, 0.005 * n, 0.004 + 0.002 * n) for n in (1, 2, 4, 8, 16)]


def test_a_batch_is_as_large_as_whole_frames_become_cheaper_by_not_steps_alone():
    costs = costs_of(ONCE, 0.001)
    assert costs.cap == 16
    assert (costs.start_s, costs.read_s) == pytest.approx((0.001 + 0.003 / 16, 0.002 + 0.004 / 16))
    assert costs.step_s(3) == pytest.approx(0.015)
    level = [Taken(one.rows, 0.001 * one.rows, one.step_s, 0.002 * one.rows) for one in ONCE]
    assert costs_of(level, 0.001).cap == 1


def test_another_size_of_frame_is_measured_by_two_rows_and_shares_a_batch_as_the_first_does():
    first = costs_of(ONCE, 0.001)
    second = costs_of([Taken(1, 0.01, 0.02, 0.01), Taken(2, 0.012, 0.03, 0.012)], 0.002, first)
    assert second.cap == first.cap
    assert second.step_s(4) == pytest.approx(4 * 0.02)
    assert second.start_s == pytest.approx(0.006)


def test_rows_that_were_opened_to_measure_are_closed_again():
    functions, stride = network_functions()
    engine = engine_of(functions, Picard(), None, stride)
    costs = measure(engine, (32, 48))
    assert min(costs.start_s, costs.step_s(1), costs.read_s, costs.answer_s) > 0
    assert not engine._pools
    again = measure(engine, (64, 96), costs)
    assert again.cap == costs.cap
    assert not engine._pools


def test_of_two_times_the_shorter_one_counts_part_by_part():
    assert Taken(2, 0.3, 0.1, 0.2).least(Taken(2, 0.1, 0.2, 0.2)) == Taken(2, 0.1, 0.1, 0.2)
