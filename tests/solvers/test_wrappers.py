"""Wrappers change the answer and nothing else."""

import pytest
import torch

from streamdeq.solvers import BestSoFar, Broyden, Evaluations, FreeLastStep, Picard, solve

from .problems import Counted, Linear, Tanh, close, error, identical, noise, zeros

INNER = {"picard": Picard(), "damped": Picard(0.6), "broyden": Broyden(8), "restarting": Broyden(2)}


def points_of(f, solver, z0, evaluations):
    """Every evaluated point of a solve, f there, and the residuals (evaluations, B)."""
    points = []

    def watched(z):
        points.append(z)
        return f(z)

    solve(watched, solver, z0, Evaluations(evaluations))
    values = [f(z) for z in points]
    return points, values, torch.stack([(v - p).norm() for v, p in zip(values, points, strict=True)])


@pytest.fixture(params=INNER.values(), ids=list(INNER))
def inner(request):
    return request.param


@pytest.fixture(params=[Tanh.contraction([0.5, 0.9]), Linear.contraction([0.8, 1.4])], ids=["falls", "grows"])
def problem(request):
    return request.param


@pytest.mark.parametrize("wrap", [BestSoFar, FreeLastStep])
def test_a_wrapper_walks_the_same_way_at_the_same_cost(wrap, inner, problem):
    f = Counted(problem)
    wrapped = solve(f, wrap(inner), noise(2, seed=1), Evaluations(7)).state
    bare = solve(problem, inner, noise(2, seed=1), Evaluations(7)).state
    assert f.calls == 7
    assert identical(
        (wrapped.z, wrapped.residual, wrapped.count, wrapped.status),
        (bare.z, bare.residual, bare.count, bare.status),
    )
    assert identical(wrapped.memory.answer, bare.answer)


@pytest.mark.parametrize("evaluations", [1, 2, 3, 8])
def test_best_so_far_answers_with_the_point_of_lowest_residual(inner, problem, evaluations):
    z0 = noise(2, seed=1)
    points, _, residuals = points_of(problem, inner, z0, evaluations)
    solution = solve(problem, BestSoFar(inner), z0, Evaluations(evaluations))
    for i, k in enumerate(residuals.argmin(dim=0).tolist()):
        assert identical(solution.answer[i : i + 1], points[k][i : i + 1])
    close(solution.state.best, residuals.min(dim=0).values)


@pytest.mark.parametrize("evaluations", [1, 2, 3, 8])
def test_a_free_last_step_answers_with_f_of_the_point_of_lowest_residual(inner, problem, evaluations):
    z0 = noise(2, seed=1)
    _, values, residuals = points_of(problem, inner, z0, evaluations)
    solution = solve(problem, FreeLastStep(inner), z0, Evaluations(evaluations))
    for i, k in enumerate(residuals.argmin(dim=0).tolist()):
        close(solution.answer[i : i + 1], values[k][i : i + 1])


def test_a_free_last_step_improves_on_broyden_for_nothing():
    f = Tanh.contraction([0.5, 0.6, 0.7])
    for iterations in (1, 2, 4, 8):
        budget = Evaluations(Broyden(9).evaluations(iterations))
        plain = solve(f, Broyden(9), zeros(3), budget).answer
        free = solve(f, FreeLastStep(Broyden(9)), zeros(3), budget).answer
        assert (error(free, f) < error(plain, f)).all()


def test_a_free_last_step_around_plain_picard_is_plain_picard_where_residuals_fall():
    f = Tanh.contraction([0.5, 0.6])
    plain = solve(f, Picard(), zeros(2), Evaluations(5)).answer
    assert identical(solve(f, FreeLastStep(Picard()), zeros(2), Evaluations(5)).answer, plain)


def test_evaluations_of_a_wrapper_leave_the_last_iterate_evaluated_where_it_must_be():
    assert [BestSoFar(s).evaluations(4) for s in (Picard(), Broyden(4))] == [5, 5]
    assert [FreeLastStep(s).evaluations(4) for s in (Picard(), Broyden(4))] == [4, 5]


def test_wrappers_wrap_wrappers():
    f = Tanh.contraction([0.5, 0.9])
    both = solve(f, FreeLastStep(BestSoFar(Broyden(8))), zeros(2), Evaluations(6))
    one = solve(f, FreeLastStep(Broyden(8)), zeros(2), Evaluations(6))
    assert identical(both.answer, one.answer)
