"""Broyden: against the textbook formula, its properties, its limited memory."""

import numpy as np
import pytest
import torch
from torch.utils import _pytree as pytree

from streamdeq.errors import StreamdeqError
from streamdeq.solvers import Broyden, Evaluations, Picard, Spent, solve
from streamdeq.solvers.steps import Steps

from .problems import SHAPES, Linear, Spoilt, Tanh, close, error, identical, noise, zeros

SMALL = ((2, 1, 2), (2, 1, 1))
"""Shapes of 6 entries."""


def textbook(f, z0, evaluations):
    """Dense good Broyden in numpy: B ← B + (Δx − BΔg) ΔxᵀB / (ΔxᵀBΔg). All points and residual norms."""

    def g(x):
        return (f(z0.unflat(torch.from_numpy(x)[None])).flat()[0].numpy()) - x

    x = z0.flat()[0].numpy()
    inverse = -np.eye(x.size)
    value = g(x)
    points, residuals = [x], [np.linalg.norm(value)]
    for _ in range(evaluations - 1):
        dx = -inverse @ value
        new = g(x + dx)
        dg = new - value
        left = dx @ inverse
        inverse = inverse + np.outer(dx - inverse @ dg, left) / (left @ dg)
        x, value = x + dx, new
        points.append(x)
        residuals.append(np.linalg.norm(value))
    return points, residuals


@pytest.mark.parametrize("make", [Linear, Tanh])
@pytest.mark.parametrize("rate", [0.6, 0.95])
def test_points_residuals_and_answers_are_the_textbooks(make, rate):
    f = make.contraction([rate], seed=4)
    z0 = noise(1, seed=6)
    points, residuals = textbook(f, z0, 13)
    solver = Broyden(capacity=12)
    state = solver.init(z0)
    for k in range(12):
        close(state.z.flat()[0], torch.from_numpy(points[k]))
        state = solver.step(f, state)
        close(state.residual[0], torch.tensor(residuals[k]))
        # Before a point after the first is evaluated: the proposal.
        best = 1 + int(np.argmin(residuals[1 : k + 1])) if k else 1
        close(state.answer.flat()[0], torch.from_numpy(points[best]))


def test_the_answer_is_the_lowest_residual_after_the_first_even_if_the_start_was_better():
    f = Linear.contraction([3.0], seed=1)  # expands: the first step makes it worse
    z0 = zeros(1)
    solver = Broyden(capacity=4)
    first = solver.step(f, solver.init(z0))
    second = solver.step(f, first)
    assert second.residual > first.residual
    assert second.best == second.residual
    close(second.answer, f(z0))


def test_best_is_unknown_until_a_point_may_be_answered():
    f = Linear.contraction([0.5])
    solver = Broyden(capacity=4)
    state = solver.step(f, solver.init(zeros(1)))
    assert state.best.tolist() == [torch.inf]
    lowest = []
    for _ in range(6):
        state = solver.step(f, state)
        lowest.append(state.residual)
        assert state.best == min(lowest)


def test_iterations_are_evaluations_less_one():
    assert [Broyden(9).evaluations(m) for m in (1, 2, 20)] == [2, 3, 21]


def test_one_iteration_is_one_of_picard_at_twice_the_cost():
    f = Tanh.contraction([0.5, 0.9])
    z0 = noise(2, seed=3)
    broyden = solve(f, Broyden(1), z0, Evaluations(Broyden(1).evaluations(1)))
    picard = solve(f, Picard(), z0, Evaluations(Picard().evaluations(1)))
    close(broyden.answer, picard.answer)
    assert broyden.state.count.tolist() == [2, 2]


@pytest.mark.parametrize("rate", [0.9, 3.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_linear_problem_of_n_unknowns_is_solved_in_2n_steps(rate, seed):
    f = Linear.contraction([rate], seed, size=6)
    state = solve(f, Broyden(capacity=12), zeros(1, SMALL), Evaluations(13)).state
    assert state.best < 1e-6
    assert error(state.answer, f).max() < 1e-6


def test_it_needs_fewer_evaluations_than_picard_where_f_contracts_slowly():
    f = Linear.contraction([0.98])
    f.a[0] = (f.a[0] + f.a[0].T) / 2
    f.a[0] *= 0.98 / torch.linalg.matrix_norm(f.a[0], ord=2)
    broyden = solve(f, Broyden(40), zeros(1), Evaluations(40)).state
    picard = solve(f, Picard(), zeros(1), Evaluations(40)).state
    assert broyden.best < 0.1 * picard.best


def test_a_full_memory_is_emptied_and_the_next_step_is_plain():
    f = Tanh.contraction([0.8, 0.9])
    solver = Broyden(capacity=2)
    state = solver.init(zeros(2))
    used, plain = [], []
    for _ in range(8):
        value = f(state.z)
        state = solver.step(f, state)
        used.append(state.memory.used.tolist())
        plain.append(torch.allclose(state.z.flat(), value.flat(), rtol=1e-12, atol=1e-12))
    assert used == [[n, n] for n in (1, 2, 3, 1, 2, 3, 1, 2)]
    assert plain == [True, False, False, True, False, False, True, False]


def test_after_a_restart_it_goes_on_like_a_solve_begun_there():
    f = Tanh.contraction([0.9])
    solver = Broyden(capacity=3)
    state = solve(f, solver, zeros(1), Evaluations(4)).state
    begun = solver.init(state.z)
    again = solver.init(state.z)
    assert state.memory.used.tolist() == [4]
    for _ in range(4):
        state, again = solver.step(f, state), solver.step(f, again)
        close(state.z, again.z)
    assert not identical(state.z, begun.z)


@pytest.mark.parametrize("capacity", [1, 2, 5])
def test_a_small_memory_still_converges(capacity):
    f = Tanh.contraction([0.8, 0.6, 0.3])
    state = solve(f, Broyden(capacity), zeros(3), Evaluations(60)).state
    assert error(state.answer, f).max() < 1e-10


def test_memory_is_taken_with_the_first_step_and_holds_a_vector_a_pair():
    f = Linear.contraction([0.5, 0.5])
    solver = Broyden(capacity=7)
    memory = solver.step(f, solver.init(zeros(2))).memory
    assert isinstance(memory, Steps)
    assert [bank.shape for bank in memory.bank] == [(2, 8, c * h * w) for c, h, w in SHAPES]


def test_a_solved_row_stays_where_it_is_and_finite():
    f = Linear.contraction([0.5])
    start = zeros(1).unflat(f.solution)
    f.b = start.flat() - (f.a @ start.flat()[:, :, None])[:, :, 0]
    state = solve(f, Broyden(4), start, Evaluations(12)).state
    assert state.status.tolist() == [0]
    assert error(state.answer, f).max() < 1e-12


def test_a_constant_f_is_solved_by_the_first_step_and_nothing_breaks_after():
    b = noise(1, seed=2)
    state = solve(lambda z: b, Broyden(4), zeros(1), Evaluations(9)).state
    assert identical(state.answer, b)
    assert state.best == 0
    assert state.z.isfinite().all()


def test_a_proposal_that_is_not_finite_is_not_taken():
    f = Linear.contraction([0.5, 0.5])
    f.a[0], f.b[0] = (
        torch.eye(f.a.shape[1], dtype=torch.float64) * (1 - 1e-14),
        1e150,
    )  # so flat that its solution is out of all bounds
    solver = Broyden(capacity=3)
    state = solver.step(f, solver.init(zeros(2)))
    assert state.status.tolist() == [0, 0]
    after = solver.step(f, state)
    assert after.status.tolist() == [3, 0]
    assert after.z.isfinite().all()
    assert identical(after.z.maps[0][0], state.z.maps[0][0])


def test_a_step_that_changes_nothing_teaches_nothing():
    f = Linear.contraction([0.5, 0.5])
    f.a[0] = torch.eye(f.a.shape[1])  # g(z) = b wherever z is: the update would be divided by zero
    state = solve(f, Broyden(capacity=4), zeros(2), Evaluations(3)).state
    assert state.status.tolist() == [0, 0]
    close(state.z.flat()[0], 3 * f.b[0])


def test_an_evaluation_that_was_not_finite_teaches_nothing():
    f = Tanh.contraction([0.8])
    solver = Broyden(capacity=6)
    clean, spoilt = (solver.init(zeros(1)) for _ in range(2))
    poisoned = Spoilt(f, 0, (3,))
    for _ in range(2):
        clean, spoilt = solver.step(f, clean), solver.step(poisoned, spoilt)
    before = pytree.tree_map(torch.clone, spoilt.memory)
    spoilt = solver.step(poisoned, spoilt)
    assert identical(
        (before.used, before.gram, before.length), tuple(vars(spoilt.memory)[k] for k in ("used", "gram", "length"))
    )
    in_force = [bank[:, : int(before.used)] for bank in before.bank]
    assert identical([bank[:, : int(before.used)] for bank in spoilt.memory.bank], in_force)
    for _ in range(3):
        clean, spoilt = solver.step(f, clean), solver.step(poisoned, spoilt)
    close(spoilt.z, clean.z)


def test_an_old_state_is_still_good_to_go_on_from_until_the_memory_restarts():
    f = Tanh.contraction([0.9])
    solver = Broyden(capacity=8)
    old = solve(f, solver, zeros(1), Evaluations(3)).state
    once = solve(f, solver, zeros(1), Evaluations(6)).state
    for _ in range(2):  # the second continuation overwrites the first one's pairs with the same
        state = old
        for _ in range(3):
            state = solver.step(f, state)
        close(state.z, once.z)


def test_autocast_around_a_step_does_not_round_the_memory():
    f = Tanh.contraction([0.9])
    f = Tanh(f.a.float(), f.solution.float())
    z0 = noise(1, seed=1).to(torch.float32)

    def exact(z):
        with torch.autocast("cpu", enabled=False):
            return f(z)

    plain = solve(exact, Broyden(6), z0, Evaluations(6)).answer
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = solve(exact, Broyden(6), z0, Evaluations(6)).answer
    assert identical(plain, inside)


def test_a_recorded_solve_has_the_implicit_gradient():
    f = Linear.contraction([0.5, 0.6], size=6)
    f.b.requires_grad_()
    answer = solve(f, Broyden(12), zeros(2, SMALL), Evaluations(11)).answer
    (gradient,) = torch.autograd.grad(answer.flat().sum(), f.b)
    eye = torch.eye(6, dtype=torch.float64)
    expected = torch.linalg.solve((eye - f.a).mT, torch.ones(2, 6, dtype=torch.float64))
    torch.testing.assert_close(gradient, expected, rtol=1e-2, atol=1e-2)


def test_a_recorded_solve_gives_the_same_numbers_as_one_in_place():
    f = Tanh.contraction([0.9, 0.5])
    recorded = solve(f, Broyden(4), zeros(2), Evaluations(9)).state
    with torch.no_grad():
        in_place = solve(f, Broyden(4), zeros(2), Evaluations(9)).state
    assert identical(recorded, in_place)


WIDTHS = ((16, 24, 32), (32, 12, 16), (64, 6, 8), (128, 3, 4))
"""A small model's maps on a canvas of 96 × 128."""


@pytest.mark.parametrize("capacity", [10, 27])
def test_leaving_empty_memory_unread_gives_the_same_numbers(capacity):
    # Within rounding: how a matrix product of another width is summed is the processor's affair.
    def f(z):
        return z.map(lambda m: torch.tanh(m.roll(1, -1) - 0.5 * m.flip(1)) + 0.3)

    narrow = whole = Broyden(capacity).init(noise(2, 1, WIDTHS))
    for k in range(28):
        narrow = Broyden(capacity).step(f, narrow, spent=Spent(k, k))
        whole = Broyden(capacity).step(f, whole)
        torch.testing.assert_close(narrow.z.flat(), whole.z.flat(), rtol=1e-10, atol=1e-10, msg=f"step {k}")
        torch.testing.assert_close(narrow.residual, whole.residual, rtol=1e-10, atol=1e-10, msg=f"step {k}")


@pytest.mark.parametrize("capacity", [0, -3])
def test_a_memory_of_no_pairs_is_refused(capacity):
    with pytest.raises(StreamdeqError, match="1 pair or more"):
        Broyden(capacity)
