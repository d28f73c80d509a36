"""Picard: plain and damped."""

import pytest
import torch

from streamdeq.errors import StreamdeqError
from streamdeq.solvers import Evaluations, Picard, solve

from .problems import SIZE, Linear, Tanh, close, identical, noise, zeros


def test_plain_picard_is_f_applied_again_and_again():
    f = Tanh.contraction([0.4, 0.8])
    z = z0 = noise(2, seed=3)
    for iterations in range(1, 6):
        z = f(z)
        solution = solve(f, Picard(), z0, Evaluations(Picard().evaluations(iterations)))
        assert identical(solution.answer, z)


def test_the_error_of_a_linear_problem_is_its_matrix_to_the_power_of_the_steps():
    f = Linear.contraction([0.5])
    answer = solve(f, Picard(), zeros(1), Evaluations(7)).answer
    expected = f.solution[0] - torch.linalg.matrix_power(f.a[0], 7) @ f.solution[0]
    close(answer.flat()[0], expected)


def test_damping_goes_that_part_of_the_way():
    f = Tanh.contraction([0.8])
    z0 = noise(1, seed=3)
    close(solve(f, Picard(0.25), z0, Evaluations(1)).answer, z0 * 0.75 + f(z0) * 0.25)


def test_damping_tames_an_oscillation_that_plain_picard_follows_to_infinity():
    b = noise(1, seed=2).flat()
    f = Linear(-1.5 * torch.eye(SIZE, dtype=torch.float64)[None], b)
    plain = solve(f, Picard(), zeros(1), Evaluations(40)).state
    damped = solve(f, Picard(damping=0.4), zeros(1), Evaluations(40))
    assert plain.residual > 1e6 * plain.best
    close(damped.answer.flat(), b / 2.5)


def test_iterations_are_evaluations():
    assert [Picard().evaluations(m) for m in (1, 2, 20)] == [1, 2, 20]


def test_no_memory_is_kept():
    assert solve(Linear.contraction([0.5]), Picard(), zeros(1), Evaluations(5)).state.memory is None


@pytest.mark.parametrize("last", [1, 3])
def test_the_gradient_is_that_of_the_unrolled_map(last):
    f = Tanh.contraction([0.7, 0.5])
    f.a.requires_grad_()
    z = z0 = noise(2, seed=3)
    for _ in range(last):
        z = f(z)
    (expected,) = torch.autograd.grad(z.flat().square().sum(), f.a)
    answer = solve(f, Picard(), z0, Evaluations(last)).answer
    (gradient,) = torch.autograd.grad(answer.flat().square().sum(), f.a)
    close(gradient, expected)


@pytest.mark.parametrize("damping", [0.0, -0.5, 1.01, float("nan")])
def test_a_damping_outside_its_range_is_refused(damping):
    with pytest.raises(StreamdeqError, match="above 0 and at most 1"):
        Picard(damping)
