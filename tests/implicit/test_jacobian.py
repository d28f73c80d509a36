"""The Jacobian penalty and the spectral radius on maps whose Jacobians are known."""

import math

import pytest
import torch
from torch import Tensor

from streamdeq.errors import StreamdeqError
from streamdeq.implicit import gaussian, jacobian_penalty, spectral_radius
from streamdeq.latent import Latent
from streamdeq.solvers import Picard, solve
from streamdeq.solvers.loop import Evaluations

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


def with_eigenvalues(*blocks: Tensor) -> Tensor:
    """A general matrix (D, D) similar to the block diagonal of `blocks`."""
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(SIZE, SIZE, generator=generator, dtype=torch.float64)
    return basis @ torch.block_diag(*blocks) @ torch.linalg.inv(basis)


def rotation(radius: float, angle: float) -> Tensor:
    c, s = radius * math.cos(angle), radius * math.sin(angle)
    return torch.tensor([[c, -s], [s, c]], dtype=torch.float64)


def test_the_spectral_radius_is_the_largest_eigenvalue_of_each_row_and_not_its_norm():
    rest = torch.linspace(-0.4, 0.4, SIZE - 1, dtype=torch.float64)
    one, two = (with_eigenvalues(torch.tensor([[top]]).double(), torch.diag(rest)) for top in (-0.9, 1.7))
    problem = Linear(torch.stack((one, two)), torch.zeros(2, SIZE, dtype=torch.float64))
    assert torch.linalg.matrix_norm(problem.a, ord=2).min() > 2
    close(spectral_radius(problem, noise(2, seed=1), 200), torch.tensor([0.9, 1.7]).double(), 1e-10)


def test_a_pair_of_complex_eigenvalues_has_a_radius_too():
    rest = torch.linspace(-0.4, 0.4, SIZE - 2, dtype=torch.float64)
    problem = Linear(with_eigenvalues(rotation(0.8, 1.0), torch.diag(rest))[None], torch.zeros(1, SIZE).double())
    assert float(spectral_radius(problem, noise(1, seed=1), 400)) == pytest.approx(0.8, rel=0.01)


def test_a_nilpotent_map_has_radius_zero():
    shift = torch.diag(torch.ones(SIZE - 1, dtype=torch.float64), 1)
    assert spectral_radius(Linear(shift[None], torch.zeros(1, SIZE).double()), noise(1, seed=1), 2 * SIZE) == 0


def test_the_spectral_radius_at_the_fixed_point_is_the_rate_at_which_plain_iteration_converges():
    net = backbone()
    injection = net.inject(pictures(1))
    residuals: list[float] = []
    with torch.no_grad():
        f = net.bind(injection)
        solution = solve(
            f, Picard(), net.zeros(injection), Evaluations(24), lambda _, s: residuals.append(float(s.residual))
        )
    rate = (residuals[23] / residuals[11]) ** (1 / 12)
    assert float(spectral_radius(f, solution.answer, 100)) == pytest.approx(rate, rel=0.05)


def test_too_few_iterations_are_refused():
    with pytest.raises(StreamdeqError, match="2 iterations or more, got 1"):
        spectral_radius(Linear.contraction([0.5]), Latent(noise(1, seed=0).maps), 1)
