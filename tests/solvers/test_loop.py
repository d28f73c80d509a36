"""The loop: budgets, verdicts, traces, resuming."""

from itertools import pairwise

import pytest
import torch

from streamdeq.errors import StreamdeqError
from streamdeq.solvers import (
    BestSoFar,
    Broyden,
    Evaluations,
    FreeLastStep,
    Picard,
    SolverStatus,
    Tolerance,
    make_solver,
    resume,
    solve,
)

from .problems import Counted, Linear, Spoilt, Tanh, close, error, identical, noise, public, row, zeros


@pytest.mark.parametrize("solver", [Picard(), Broyden(5), BestSoFar(Picard())])
def test_a_fixed_budget_is_spent_to_the_last_evaluation(solver):
    f = Counted(Linear.contraction([0.0, 0.5]))
    solution = solve(f, solver, zeros(2), Evaluations(9))
    assert f.calls == 9
    assert solution.state.count.tolist() == [9, 9]
    assert solution.status.tolist() == [SolverStatus.EXHAUSTED] * 2


def test_the_trace_sees_every_step_in_order():
    seen = []
    f = Tanh.contraction([0.5, 0.9])
    final = solve(f, Picard(), zeros(2), Evaluations(4), lambda k, s: seen.append((k, s.residual))).state
    assert [k for k, _ in seen] == [1, 2, 3, 4]
    assert identical(seen[-1][1], final.residual)
    assert all((a > b).all() for (_, a), (_, b) in pairwise(seen))


@pytest.mark.parametrize("solver", [Picard(), Broyden(30)])
@pytest.mark.parametrize("tolerance", [Tolerance(200, relative=1e-6), Tolerance(200, absolute=1e-5)])
def test_a_tolerance_stops_every_row_by_itself(solver, tolerance):
    f = Tanh.contraction([0.1, 0.5, 0.9])
    solution = solve(f, solver, zeros(3), tolerance)
    assert solution.status.tolist() == [SolverStatus.CONVERGED] * 3
    counts = solution.state.count.tolist()
    assert counts == sorted(counts)
    assert counts[0] < counts[1] < counts[2]
    for i in range(3):
        alone = solve(f.row(i), solver, zeros(1), tolerance)
        assert alone.state.count.tolist() == [counts[i]]
        close(public(row(solution.state, i)), public(alone.state))


def test_a_tolerance_stops_at_the_first_residual_that_is_small_enough():
    f = Tanh.contraction([0.6])
    residuals = []
    solve(f, Picard(), zeros(1), Tolerance(99, relative=1e-4), lambda _, s: residuals.append(s.relative.item()))
    assert residuals[-1] <= 1e-4
    assert min(residuals[:-1]) > 1e-4


def test_rows_that_do_not_make_it_are_exhausted():
    f = Counted(Tanh.contraction([0.1, 0.95]))
    solution = solve(f, Picard(), zeros(2), Tolerance(12, relative=1e-8))
    assert solution.status.tolist() == [SolverStatus.CONVERGED, SolverStatus.EXHAUSTED]
    assert solution.state.count[1] == 12
    assert f.calls == 12


def test_the_loop_ends_with_the_last_row_that_is_left():
    f = Counted(Tanh.contraction([0.1, 0.3]))
    solution = solve(f, Picard(), zeros(2), Tolerance(1000, relative=1e-8))
    assert f.calls == solution.state.count.max()


def test_a_row_that_is_not_finite_is_given_up_and_the_others_converge():
    f = Spoilt(Tanh.contraction([0.5, 0.5, 0.5]), row=1, calls=(3,))
    solution = solve(f, Broyden(20), zeros(3), Tolerance(100, absolute=1e-9))
    assert solution.status.tolist() == [SolverStatus.CONVERGED, SolverStatus.NONFINITE, SolverStatus.CONVERGED]
    assert solution.state.count[1] == 3
    assert solution.answer.isfinite().all()


def test_a_row_that_overflows_is_caught_before_its_answer_is_infinite():
    f = Linear.contraction([0.5, 40.0])
    solution = solve(f, Picard(), zeros(2), Evaluations(300))
    assert solution.status.tolist() == [SolverStatus.EXHAUSTED, SolverStatus.NONFINITE]
    assert solution.answer.isfinite().all()
    assert error(solution.answer, f)[0] < 1e-12


@pytest.mark.parametrize("solver", [Picard(), Picard(0.8), Broyden(3), BestSoFar(Broyden(4))])
def test_a_solve_in_two_parts_is_the_solve_in_one(solver):
    f = Tanh.contraction([0.5, 0.9])
    first = solve(f, solver, zeros(2), Evaluations(3))
    second = resume(f, solver, first.state, Evaluations(4))
    assert identical(second.state, solve(f, solver, zeros(2), Evaluations(7)).state)


def test_resuming_what_has_converged_evaluates_nothing():
    f = Counted(Tanh.contraction([0.1, 0.5]))
    tolerance = Tolerance(50, relative=1e-6)
    done = solve(f, Picard(), zeros(2), tolerance)
    f.calls = 0
    again = resume(f, Picard(), done.state, tolerance)
    assert f.calls == 0
    assert again.status.tolist() == [SolverStatus.CONVERGED] * 2
    assert identical(public(again.state), public(done.state))


def test_a_warm_start_needs_fewer_evaluations():
    f = Tanh.contraction([0.8])
    tolerance = Tolerance(200, relative=1e-6)
    cold = solve(f, Picard(), zeros(1), tolerance).state
    near = zeros(1).unflat(f.solution) + noise(1, seed=9) * 0.01
    warm = resume(f, Picard(), Picard().renew(cold, None, near), tolerance).state
    assert warm.count < cold.count


@pytest.mark.parametrize("number", [0, -1])
def test_a_budget_of_no_evaluations_is_refused(number):
    with pytest.raises(StreamdeqError, match="1 evaluation"):
        Evaluations(number)
    with pytest.raises(StreamdeqError, match="1 evaluation"):
        Tolerance(number, relative=0.1)


@pytest.mark.parametrize("bad", [{}, {"relative": -1.0}, {"absolute": -1.0, "relative": 0.1}])
def test_a_tolerance_that_cannot_stop_anything_is_refused(bad):
    with pytest.raises(StreamdeqError, match="above 0"):
        Tolerance(10, **bad)


def test_solvers_are_found_by_name():
    assert make_solver("picard", 4) == make_solver("unrolled", 9) == Picard()
    assert make_solver("broyden", 4) == Broyden(capacity=4)


def test_what_stands_behind_a_plus_changes_the_answer():
    assert make_solver("picard+best", 4) == BestSoFar(Picard())
    assert make_solver("broyden+free", 4) == FreeLastStep(Broyden(capacity=4))
    assert make_solver("broyden+best+free", 4) == FreeLastStep(BestSoFar(Broyden(capacity=4)))


@pytest.mark.parametrize("name", ["broyden+fre", "broyden+", "picard+picard"])
def test_an_answer_nobody_knows_lists_the_choices(name):
    with pytest.raises(StreamdeqError, match=r"unknown answer of a solver .*\(choices: best, free\)") as caught:
        make_solver(name, 4)
    assert "\n" not in str(caught.value)


def test_a_solver_nobody_knows_is_answered_with_the_nearest_name():
    with pytest.raises(StreamdeqError, match=r"unknown solver 'broiden'; did you mean 'broyden'\?"):
        make_solver("broiden", 4)


def test_statuses_fit_the_tensor_they_are_kept_in():
    f = Linear.contraction([0.5])
    assert solve(f, Picard(), zeros(1), Evaluations(1)).status.dtype == torch.uint8
    assert [s.value for s in SolverStatus] == [0, 1, 2, 3]
