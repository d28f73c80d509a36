"""What every solver promises: one evaluation per step, independent rows, renewal, finite answers."""

from dataclasses import replace

import pytest
import torch
from torch.utils import _pytree as pytree

from streamdeq.solvers import BestSoFar, Broyden, FreeLastStep, Picard, SolverStatus, Spent

from .problems import (
    Counted,
    Linear,
    Spoilt,
    Tanh,
    close,
    error,
    identical,
    noise,
    public,
    row,
    zeros,
)

SOLVERS = {
    "picard": Picard(),
    "damped picard": Picard(damping=0.7),
    "broyden": Broyden(capacity=40),
    "broyden that restarts": Broyden(capacity=3),
    "best so far of picard": BestSoFar(Picard()),
    "best so far of broyden": BestSoFar(Broyden(capacity=4)),
    "free last step of broyden": FreeLastStep(Broyden(capacity=4)),
    "free last step of best so far": FreeLastStep(BestSoFar(Picard(damping=0.5))),
}
RATES = [0.3, 0.6, 0.8]


@pytest.fixture(params=SOLVERS.values(), ids=list(SOLVERS))
def solver(request):
    return request.param


@pytest.fixture
def problem():
    return Tanh.contraction(RATES)


def steps(solver, f, state, number, active=None):
    for _ in range(number):
        state = solver.step(f, state, active)
    return state


@pytest.mark.parametrize("make", [Linear, Tanh])
def test_every_solver_converges_to_the_known_solution(solver, make):
    problem = make.contraction(RATES)
    state = steps(solver, problem, solver.init(zeros(3)), 80)
    assert error(state.answer, problem).max() < 1e-10
    assert state.status.tolist() == [SolverStatus.RUNNING] * 3


def test_a_step_is_one_evaluation_of_f_whoever_is_active(solver, problem):
    f = Counted(problem)
    state = steps(solver, f, solver.init(zeros(3)), 6)
    steps(solver, f, state, 2, torch.tensor([True, False, False]))
    assert f.calls == 8


def test_counts_are_evaluations_since_renewal(solver, problem):
    state = steps(solver, problem, solver.init(zeros(3)), 4)
    state = steps(solver, problem, state, 2, torch.tensor([True, False, True]))
    assert state.count.tolist() == [6, 4, 6]
    assert state.count.dtype == torch.int32
    assert solver.renew(state, torch.tensor([False, True, True]), zeros(3)).count.tolist() == [6, 0, 0]


def test_residuals_are_those_of_the_point_last_evaluated(solver, problem):
    state = steps(solver, problem, solver.init(noise(3, seed=5)), 3)
    value = problem(state.z)
    expected = (value - state.z).norm()
    state = solver.step(problem, state)
    close(state.residual, expected)
    close(state.relative, expected / (value.norm() + 1e-9))


def test_nothing_is_known_before_the_first_evaluation(solver):
    z0 = noise(3, seed=5)
    state = solver.init(z0)
    for value in (state.residual, state.relative, state.best):
        assert value.tolist() == [torch.inf] * 3
    assert state.memory is None
    assert identical(state.answer, z0)


def test_a_batch_equals_each_row_alone(solver, problem):
    z0 = noise(3, seed=5)
    together = steps(solver, problem, solver.init(z0), 9)
    for i in range(3):
        alone = steps(solver, problem.row(i), solver.init(z0[i : i + 1]), 9)
        close(public(row(together, i)), public(alone))


def test_a_row_does_not_feel_what_its_mates_are(solver, problem):
    state = steps(solver, problem, solver.init(zeros(3)), 7)
    other = Linear.contraction([0.9, 0.6, 1.5], seed=77)

    def mixed(z):
        return problem(z).where(torch.tensor([False, True, False]), other(z))

    beside_others = steps(solver, mixed, solver.init(zeros(3)), 7)
    assert identical(row(state, 1), row(beside_others, 1))


def test_frozen_rows_come_out_bit_by_bit_as_they_went_in(solver, problem):
    state = steps(solver, problem, solver.init(noise(3, seed=5)), 3)
    before = state.clone()
    after = steps(solver, problem, state, 4, torch.tensor([True, False, True]))
    assert identical(row(before, 1), row(after, 1))
    assert not identical(row(before, 0).z, row(after, 0).z)


def test_a_frozen_row_ignores_a_value_that_is_not_finite(solver, problem):
    state = steps(solver, problem, solver.init(zeros(3)), 3)
    before = state.clone()
    spoilt = Spoilt(problem, row=1, calls=(1, 2))
    after = steps(solver, spoilt, state, 2, torch.tensor([True, False, True]))
    assert identical(row(before, 1), row(after, 1))


def test_rows_at_different_counts_share_a_batch(solver, problem):
    z0 = noise(3, seed=5)
    state = solver.init(z0)
    for k in range(9):  # row 0 at every step, row 1 at every second, row 2 from the fifth on
        state = solver.step(problem, state, torch.tensor([True, k % 2 == 0, k >= 4]))
    for i, number in enumerate([9, 5, 5]):
        alone = steps(solver, problem.row(i), solver.init(z0[i : i + 1]), number)
        close(public(row(state, i)), public(alone))


def test_what_the_host_knows_of_the_counts_changes_no_number(solver, problem):
    def told(slack, mask=None, exactly=False):
        state = solver.init(noise(3, seed=5))
        for k in range(9):
            state = solver.step(problem, state, mask, Spent(k if exactly else 0, k + slack))
        return state

    assert identical(told(slack=90), steps(solver, problem, solver.init(noise(3, seed=5)), 9))
    # Within rounding: how a matrix product of another width is summed is the processor's affair.
    close(public(told(slack=0)), public(told(slack=90)))
    assert identical(told(slack=0), told(slack=0, exactly=True))
    some = torch.tensor([True, False, True])  # row 1's count stays below what is said of all
    close(public(told(0, some)), public(told(90, some)))


def test_a_renewed_row_is_as_new_and_its_mates_go_on(solver, problem):
    mask = torch.tensor([False, True, False])
    state = steps(solver, problem, solver.init(zeros(3)), 5)
    mates = steps(solver, problem, state.clone(), 6)

    harder = Linear.contraction(RATES, seed=50)

    def mixed(z):
        return harder(z).where(mask, problem(z))

    answer = state.answer.clone()
    renewed = steps(solver, mixed, solver.renew(state, mask, answer), 6)
    alone = steps(solver, harder.row(1), solver.init(answer[1:2]), 6)
    close(public(row(renewed, 1)), public(alone))
    for i in (0, 2):
        assert identical(row(renewed, i), row(mates, i))


def test_renewing_all_rows_is_starting_anew(solver, problem):
    state = steps(solver, problem, solver.init(zeros(3)), 5)
    z0 = noise(3, seed=8)
    everybody = solver.renew(state, None, z0)
    assert identical(everybody, solver.renew(state, torch.ones(3, dtype=torch.bool), z0))
    assert identical(public(everybody), solver.init(z0))
    assert identical(public(steps(solver, problem, everybody, 4)), public(steps(solver, problem, solver.init(z0), 4)))


def test_renewed_memory_is_as_good_as_zeros_and_zeros_are_an_empty_memory(solver, problem):
    state = steps(solver, problem, solver.init(zeros(3)), 5)
    fresh = solver.init(zeros(3))
    made = replace(fresh, memory=pytree.tree_map_only(torch.Tensor, torch.zeros_like, state.memory))
    assert identical(steps(solver, problem, made, 4), steps(solver, problem, fresh, 4))
    renewed = solver.renew(state, torch.tensor([True, False, True]), zeros(3))
    for number in range(1, 7):
        begun, anew = (steps(solver, problem, s.clone(), number) for s in (fresh, renewed))
        for i in (0, 2):
            assert identical(public(row(anew, i)), public(row(begun, i)))


def test_rows_can_be_moved_between_states_by_tree_map(solver, problem):
    state = steps(solver, problem, solver.init(noise(3, seed=5)), 4)
    order = torch.tensor([2, 0])
    gathered = pytree.tree_map(lambda t: t[order], state)
    picked = type(problem)(*(t[order] for t in vars(problem).values()))
    moved = steps(solver, picked, gathered, 3)
    stayed = steps(solver, problem, state, 3)
    close(moved, pytree.tree_map(lambda t: t[order], stayed))


def test_a_clone_is_a_fork(solver, problem):
    state = steps(solver, problem, solver.init(zeros(3)), 3)
    fork = state.clone()
    first = steps(solver, problem, state, 4)
    assert identical(steps(solver, problem, fork, 4), first)


@pytest.mark.parametrize(
    ("poison", "calls"),
    [("nan", (1,)), ("nan", (2,)), ("nan", (3, 4, 5)), ("inf", (4,)), ("-inf", (1, 2)), ("1e300", (7,))],
)
def test_a_row_whose_f_is_not_finite_is_marked_stays_finite_and_harms_nobody(solver, problem, poison, calls):
    clean = steps(solver, problem, solver.init(zeros(3)), 7)
    state = steps(solver, Spoilt(problem, 1, calls, float(poison)), solver.init(zeros(3)), 7)
    assert state.status.tolist() == [SolverStatus.RUNNING, SolverStatus.NONFINITE, SolverStatus.RUNNING]
    assert state.z.isfinite().all()
    assert state.answer.isfinite().all()
    for i in (0, 2):
        assert identical(row(state, i), row(clean, i))


def test_a_marked_row_keeps_its_last_good_answer_when_f_never_recovers(solver, problem):
    good = steps(solver, problem, solver.init(zeros(3)), 6)
    bad = steps(solver, Spoilt(problem, 1, tuple(range(1, 9))), good.clone(), 8)
    if not isinstance(solver, FreeLastStep | BestSoFar):
        assert identical(row(good, 1).answer, row(bad, 1).answer)
    assert bad.answer.isfinite().all()
    assert bad.best[1] == good.best[1]


def test_a_row_that_was_spoilt_for_one_evaluation_still_converges(solver, problem):
    state = steps(solver, Spoilt(problem, 1, (1, 4)), solver.init(zeros(3)), 80)
    assert error(state.answer, problem).max() < 1e-10
    assert state.status.tolist() == [SolverStatus.RUNNING, SolverStatus.NONFINITE, SolverStatus.RUNNING]


def test_renewal_clears_the_mark(solver, problem):
    state = steps(solver, Spoilt(problem, 1, (2,)), solver.init(zeros(3)), 4)
    state = solver.renew(state, torch.tensor([False, True, False]), zeros(3))
    assert state.status.tolist() == [SolverStatus.RUNNING] * 3
    state = steps(solver, problem, state, 60)
    assert error(state.answer, problem)[1] < 1e-10


def test_a_step_leaves_what_a_reader_holds_of_the_old_state_alone(solver, problem):
    state = steps(solver, problem, solver.init(zeros(3)), 3)
    before = public(state).clone()
    steps(solver, problem, state, 5)
    assert identical(public(state), before)


def single(problem):
    return Tanh(problem.a.float(), problem.solution.float())


def test_float32_rows_equal_themselves_alone_to_float32(solver, problem):
    f, z0 = single(problem), noise(3, seed=5).to(torch.float32)
    together = steps(solver, f, solver.init(z0), 5)
    assert {together.answer.maps[0].dtype, together.residual.dtype} == {torch.float32}
    for i in range(3):
        alone = steps(solver, f.row(i), solver.init(z0[i : i + 1]), 5)
        close(row(together, i).answer, alone.answer, 1e-5)


def test_float32_overflow_is_caught_like_any_infinity(solver, problem):
    spoilt = Spoilt(single(problem), row=1, calls=(2, 3), poison=3e38)
    state = steps(solver, spoilt, solver.init(zeros(3, dtype=torch.float32)), 40)
    assert state.status.tolist() == [SolverStatus.RUNNING, SolverStatus.NONFINITE, SolverStatus.RUNNING]
    assert error(state.answer, single(problem)).max() < 1e-5


@pytest.mark.parametrize("shapes", [((4, 3, 5),), ((1, 1, 1), (1, 1, 1)), ((2, 4, 4), (3, 4, 4))])
def test_any_number_of_scales_will_do(solver, shapes):
    size = sum(c * h * w for c, h, w in shapes)
    problem = Linear.contraction([0.5, 0.7], size=size)
    state = steps(solver, problem, solver.init(zeros(2, shapes)), 80)
    assert error(state.answer, problem).max() < 1e-9


def test_channels_last_maps_give_the_same_numbers_and_keep_their_layout(solver, problem):
    def f(z):
        return problem(z).map(lambda m: m.contiguous(memory_format=torch.channels_last))

    state = steps(solver, f, solver.init(zeros(3)), 5)
    close(state, steps(solver, problem, solver.init(zeros(3)), 5))
    if isinstance(solver, Picard):
        assert state.z.maps[0].is_contiguous(memory_format=torch.channels_last)
