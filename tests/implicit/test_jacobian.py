"""The Jacobian penalty on maps whose Jacobians are known."""

import pytest
import torch

from streamdeq.errors import StreamdeqError
from streamdeq.implicit import gaussian, jacobian_penalty

from ..solvers.problems import SIZE, Linear, Tanh, close, noise
from .cells import backbone, pictures


def test_the_penalty_of_given_vectors_is_exact():
    problem, z = Linear.contraction([0.3, 2.0]), noise(2, seed=1)
    vectors = [noise(2, seed=seed) for seed in (2, 3, 4)]
    products = [(v.flat()[:, None] @ problem.a)[:, 0].square().sum(1) / SIZE for v in vectors]
    close(jacobian_penalty(problem, z, vectors), torch.stack(products).mean(0), 1e-12)


def test_unit_vectors_add_up_to_the_squared_frobenius_norm():
    problem, z = Linear.contraction([0.7]), noise(1, seed=1)
    basis = [z.unflat(row[None]) for row in torch.eye(SIZE, dtype=torch.float64)]
    expected = torch.linalg.matrix_norm(problem.a).square() / SIZE
    close(jacobian_penalty(problem, z, basis) * SIZE, expected, 1e-12)


def test_in_expectation_the_penalty_is_the_squared_frobenius_norm_per_entry():
    problem, z = Linear.contraction([0.7]), noise(1, seed=1)
    generator = torch.Generator().manual_seed(0)
    draws = [jacobian_penalty(problem, z, [gaussian(z, generator)]) for _ in range(1000)]
    squares = problem.a.mT @ problem.a
    deviation = (2 * squares.square().sum() / len(draws)).sqrt() / SIZE
    wanted = torch.linalg.matrix_norm(problem.a).square() / SIZE
    assert abs(torch.stack(draws).mean() - wanted) < 3 * deviation < 0.1 * wanted


def test_the_gradient_of_the_penalty_is_that_of_the_squared_frobenius_norm():
    problem, z = Linear.contraction([0.7]), noise(1, seed=1)
    problem.a.requires_grad_()
    basis = [z.unflat(row[None]) for row in torch.eye(SIZE, dtype=torch.float64)]
    jacobian_penalty(problem, z, basis).sum().backward()
    close(problem.a.grad, 2 * problem.a.detach() / SIZE**2, 1e-12)


def test_the_penalty_reaches_the_weights_of_a_cell_and_not_the_point():
    net = backbone()
    injection = net.inject(pictures(2))
    z = net.zeros(injection).map(lambda m: m.requires_grad_())
    total = jacobian_penalty(net.bind(injection), z, [gaussian(z), gaussian(z)]).sum()
    total.backward()
    assert all(m.grad is None for m in z.maps)
    assert net.fullstage.branches[0].blocks[0].conv1.weight_v.grad.any()


def test_the_penalty_of_a_row_is_that_of_the_row_alone():
    problem, z, v = Tanh.contraction([0.3, 2.0]), noise(2, seed=1), noise(2, seed=2)
    both = jacobian_penalty(problem, z, [v])
    for i in range(2):
        close(both[i : i + 1], jacobian_penalty(problem.row(i), z[i : i + 1], [v[i : i + 1]]), 1e-12)


def test_a_penalty_without_a_vector_is_refused():
    with pytest.raises(StreamdeqError, match="1 vector or more, got none"):
        jacobian_penalty(Linear.contraction([0.5]), noise(1, seed=0), [])
