"""The implicit gradient against closed forms, against unrolling and against finite differences, in float64."""

import gc
import weakref

import pytest
import torch
from torch import Tensor

from streamdeq.errors import StreamdeqError
from streamdeq.implicit import Implicit, Phantom, Unroll
from streamdeq.latent import Latent
from streamdeq.solvers import Broyden, Evaluations, Picard, Solver, solve

from ..solvers.problems import Linear, close, noise, zeros
from .cells import ITERATIONS, SOLVER, Readout, finite_difference, gradients, loss_of, pictures, trained

SOLVERS: list[Solver] = [Picard(), Broyden(capacity=60)]


def linear(rates: list[float]) -> tuple[Linear, Tensor]:
    """A contraction with leaves A and b, and a weight w for the loss w·z*."""
    problem = Linear.contraction(rates)
    problem.a.requires_grad_()
    problem.b.requires_grad_()
    return problem, noise(len(rates), seed=5).flat()


@pytest.mark.parametrize("solver", SOLVERS, ids=["picard", "broyden"])
def test_the_gradient_on_a_linear_contraction_is_the_closed_form(solver):
    problem, w = linear([0.3, 0.8])
    z = Implicit(solver, max_steps=60)(problem, zeros(2), 120)
    (z.flat() * w).sum().backward()
    # w·(I − A)⁻¹b: y = (I − A)⁻ᵀ w is the gradient of b, y z*ᵀ that of A.
    a = problem.a.detach()
    y = torch.linalg.solve((torch.eye(a.shape[-1], dtype=a.dtype) - a).mT, w)
    close(problem.b.grad, y, 1e-9)
    close(problem.a.grad, y[:, :, None] * problem.solution.detach()[:, None, :], 1e-9)


def test_the_gradient_on_a_trained_cell_is_that_of_the_unrolled_cell():
    net, x = trained(), pictures(2)
    readout = Readout.random(net, 2)
    implicit = gradients(net, loss_of(net, Implicit(SOLVER), x, readout))
    unrolled = gradients(net, loss_of(net, Unroll(), x, readout))
    one_step = gradients(net, loss_of(net, Phantom(), x, readout))
    for name, wanted in unrolled.items():
        torch.testing.assert_close(implicit[name], wanted, rtol=0, atol=1e-6 * float(wanted.norm()))
    assert any(float((one_step[name] - wanted).norm() / wanted.norm()) > 0.1 for name, wanted in unrolled.items())


def every_way(net: torch.nn.Module) -> list[tuple[str, Tensor, Tensor]]:
    """Each parameter with a direction of length 1 to move it in."""
    generator = torch.Generator().manual_seed(9)
    ways = [(n, p, torch.randn(p.shape, generator=generator, dtype=p.dtype)) for n, p in net.named_parameters()]
    return [(name, p, way / way.norm()) for name, p, way in ways]


def test_the_gradient_on_a_trained_cell_is_that_of_finite_differences():
    net, x = trained(), pictures(2)
    readout, how = Readout.random(net, 2), Implicit(SOLVER)
    got = gradients(net, loss_of(net, how, x, readout))
    for name, parameter, way in every_way(net)[::3]:
        wanted = finite_difference(lambda: loss_of(net, how, x, readout), parameter, way)
        assert float((got[name] * way).sum()) == pytest.approx(wanted, abs=1e-6 * float(got[name].norm())), name


def test_with_dropout_both_solves_are_of_one_function():
    net, x = trained(dropout=0.3), pictures(2)
    net.fullstage.train()
    readout, how = Readout.random(net, 2), Implicit(SOLVER)

    def loss() -> Tensor:
        torch.manual_seed(3)
        return loss_of(net, how, x, readout)

    got = gradients(net, loss())
    net.fullstage.eval()
    without = gradients(net, loss())
    net.fullstage.train()
    assert not torch.allclose(got["stage0.0.weight"], without["stage0.0.weight"], rtol=0.1)
    for name, parameter, way in every_way(net)[::8]:
        wanted = finite_difference(loss, parameter, way)
        assert float((got[name] * way).sum()) == pytest.approx(wanted, abs=1e-6 * float(got[name].norm())), name


def test_what_is_read_is_one_application_beyond_the_answer_of_the_solver():
    net, x = trained(), pictures(1)
    injection = net.inject(x)
    f, start = net.bind(injection), net.zeros(injection)
    with torch.no_grad():
        answer = solve(f, SOLVER, start, Evaluations(4)).answer
        expected = f(answer)
        assert all(torch.equal(a, b) for a, b in zip(Implicit(SOLVER)(f, start, 3).maps, expected.maps, strict=True))
    graded = Implicit(SOLVER)(f, start, 3)
    close(graded, expected, 1e-12)
    assert all(m.requires_grad for m in graded.maps)


def test_backward_may_be_repeated_as_long_as_the_graph_is_kept():
    problem, w = linear([0.3, 0.8])
    loss = (Implicit(Picard())(problem, zeros(2), 60).flat() * w).sum()
    loss.backward(retain_graph=True)
    once = problem.b.grad.clone()
    loss.backward(retain_graph=True)
    loss.backward()
    assert torch.equal(problem.b.grad, once + once + once)
    with pytest.raises(RuntimeError, match="second time"):
        loss.backward()


def test_a_second_derivative_is_refused():
    problem, w = linear([0.3])
    loss = (Implicit(Picard())(problem, zeros(1), 60).flat() * w).sum()
    with pytest.raises(StreamdeqError, match="no second derivative; call backward without create_graph"):
        torch.autograd.grad(loss, problem.b, create_graph=True)


def test_a_row_has_the_gradient_it_has_alone():
    # Of very different difficulty, the last without any weight in the loss.
    problem, w = linear([0.2, 0.95, 0.6, 0.5])
    w[3] = 0
    how = Implicit(Broyden(capacity=40), max_steps=12, tolerance=1e-6)
    (how(problem, zeros(4), 40).flat() * w).sum().backward()
    for i in range(4):
        alone = problem.row(i)
        z = how(alone, zeros(1), 40)
        (b,) = torch.autograd.grad((z.flat() * w[i : i + 1]).sum(), alone.b)
        close(problem.b.grad[i : i + 1], b, 1e-10)
    assert not problem.b.grad[3].any()


def test_a_row_whose_loss_is_not_a_number_shows_it_and_spoils_no_other():
    problem, w = linear([0.3, 0.5])
    how = Implicit(Picard())
    (expected,) = torch.autograd.grad((how(problem, zeros(2), 60).flat() * w).sum(), problem.b)
    w[0, 0] = float("nan")
    (got,) = torch.autograd.grad((how(problem, zeros(2), 60).flat() * w).sum(), problem.b)
    assert got[0].isnan().all()
    close(got[1], expected[1], 1e-12)


def test_the_scale_of_the_loss_does_not_reach_the_backward_solve():
    problem, w = linear([0.5, 0.9])
    problem = Linear(problem.a.detach().float(), problem.b.detach().float().requires_grad_())
    how, start = Implicit(Picard(), tolerance=1e-4), zeros(2, dtype=torch.float32)
    results = []
    for scale in (1.0, 2.0**-100):  # squared, the small one is zero in float32
        loss = (how(problem, start, 60).flat() * (scale * w.float())).sum()
        results.append(torch.autograd.grad(loss, problem.b)[0] / scale)
    assert torch.equal(*results)


def products(tolerance: float, max_steps: int = 25) -> int:
    """How many products with (∂f/∂z)ᵀ a backward pass takes, the last for the weights."""
    problem, w = linear([0.4])
    calls: list[int] = []

    def f(z: Latent) -> Latent:
        value = problem(z)
        if value.maps[0].requires_grad:
            value.maps[0].register_hook(lambda gradient: calls.append(0))
        return value

    (Implicit(Picard(), max_steps, tolerance)(f, zeros(1), 60).flat() * w).sum().backward()
    return len(calls)


def test_the_backward_solve_takes_its_steps_or_ends_at_the_tolerance():
    assert products(tolerance=0.0) == 27
    assert 5 < products(tolerance=1e-4) < products(tolerance=1e-8) < 27


def test_without_a_gradient_nothing_is_recorded():
    problem, _ = linear([0.4])
    with torch.no_grad():
        assert not Implicit(Picard())(problem, zeros(1), 5).maps[0].requires_grad


def test_a_result_that_is_dropped_takes_its_graph_along():
    net, x = trained(), pictures(1)
    kept: list[weakref.ref] = []
    injection = net.inject(x)
    f = net.bind(injection)

    def watched(z: Latent) -> Latent:
        value = f(z)
        kept.append(weakref.ref(value.maps[0]))
        return value

    gc.disable()
    try:
        Readout.random(net, 1)(Implicit(SOLVER, 3)(watched, net.zeros(injection), 3)).backward()
        assert [r for r in kept if r() is not None] == []
    finally:
        gc.enable()


@pytest.mark.gpu
def test_on_a_gpu_the_gradient_is_that_of_the_cpu():
    expected = gradients(net := trained(), loss_of(net, Implicit(SOLVER), pictures(2), Readout.random(net, 2)))
    readout = Readout(Readout.random(net, 2).targets.to("cuda"))
    loss = loss_of(net.cuda(), Implicit(SOLVER), pictures(2).cuda(), readout)
    loss.backward()  # the engine's own thread: the backward solve is a backward pass within one
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None
        torch.testing.assert_close(
            parameter.grad.cpu(), expected[name], rtol=0, atol=1e-8 * float(expected[name].norm())
        )


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"max_steps": 0}, "max_steps of 1 or more, got 0"), ({"tolerance": -1.0}, "tolerance must be 0 or more")],
)
def test_a_backward_solve_that_cannot_be_is_refused(settings, message):
    with pytest.raises(StreamdeqError, match=message):
        Implicit(Picard(), **settings)


def test_the_cell_of_these_tests_converges():
    net = trained()
    injection = net.inject(pictures(2))
    residuals = []
    with torch.no_grad():
        solve(
            net.bind(injection),
            SOLVER,
            net.zeros(injection),
            Evaluations(ITERATIONS),
            lambda _, state: residuals.append(float(state.relative.max())),
        )
    assert min(residuals) < 1e-13
