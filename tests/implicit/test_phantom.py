"""The phantom gradient against its series, and against unrolling, of which it is a case."""

import pytest
import torch

from streamdeq.errors import StreamdeqError
from streamdeq.implicit import Phantom, Unroll
from streamdeq.solvers import Broyden, Picard

from ..solvers.problems import Linear, close, identical, noise, zeros


@pytest.mark.parametrize(("steps", "damping"), [(1, 1.0), (1, 0.5), (4, 0.6), (7, 1.0)])
def test_the_gradient_is_the_damped_series_cut_short(steps, damping):
    problem = Linear.contraction([0.3, 0.8])
    problem.b.requires_grad_()
    w = noise(2, seed=5).flat()
    (Phantom(steps, damping, Broyden(60))(problem, zeros(2), 60).flat() * w).sum().backward()
    # yᵀ = wᵀ · τ Σ ((1 − τ)I + τA)ᵏ
    step = (1 - damping) * torch.eye(w.shape[1], dtype=w.dtype) + damping * problem.a
    series = damping * sum(torch.linalg.matrix_power(step, k) for k in range(steps))
    close(problem.b.grad, (w[:, None] @ series)[:, 0], 1e-9)


def test_undamped_after_plain_iteration_it_is_unrolling_with_the_last_steps_graded():
    problem = Linear.contraction([0.3, 0.8])
    problem.b.requires_grad_()
    results = [how(problem, zeros(2), n) for how, n in ((Phantom(3), 5), (Unroll(last=3), 8))]
    assert identical(*results)
    assert identical(*(torch.autograd.grad(z.flat().square().sum(), problem.b) for z in results))


def test_damped_steps_at_a_fixed_point_stay_there():
    problem = Linear.contraction([0.6])
    close(Phantom(3, 0.4, Broyden(60))(problem, zeros(1), 60).flat(), problem.solution, 1e-10)


def test_the_solve_leaves_no_graph_to_the_start():
    start = zeros(1).map(lambda m: m.requires_grad_())
    problem = Linear.contraction([0.5])
    problem.b.requires_grad_()
    for iterations in (0, 3):
        loss = Phantom(2, solver=Picard())(problem, start, iterations).flat().sum()
        assert torch.autograd.grad(loss, start.maps, allow_unused=True) == (None, None, None)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"steps": 0}, "1 step or more, got 0"),
        ({"damping": 0.0}, "above 0 and at most 1, got 0.0"),
        ({"damping": 1.5}, "got 1.5; 1 is undamped"),
    ],
)
def test_a_phantom_that_cannot_be_is_refused(settings, message):
    with pytest.raises(StreamdeqError, match=message):
        Phantom(**settings)
