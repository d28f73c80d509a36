"""Unroll against explicit compositions of a contraction whose fixed point and gradients are known."""

import pytest
import torch

from streamdeq.errors import StreamdeqError
from streamdeq.implicit.unroll import Unroll
from streamdeq.latent import Latent


def contraction(a: torch.Tensor, b: torch.Tensor):
    """f(z) = a·z + b on one (1, 1, 1, 1) map: after n steps from z0 it is aⁿ z0 + b (1 − aⁿ)/(1 − a)."""
    return lambda z: z.map(lambda m: a * m + b)


def start(value: float = 2.0) -> Latent:
    return Latent((torch.full((1, 1, 1, 1), value, dtype=torch.float64),))


@pytest.fixture
def ab() -> tuple[torch.Tensor, torch.Tensor]:
    return (
        torch.tensor(0.5, dtype=torch.float64, requires_grad=True),
        torch.tensor(3.0, dtype=torch.float64, requires_grad=True),
    )


def test_n_steps_give_the_closed_form(ab):
    z = Unroll()(contraction(*ab), start(), 5).maps[0].item()
    assert z == pytest.approx(0.5**5 * 2 + 3 * (1 - 0.5**5) / 0.5, abs=1e-14)


def test_no_step_returns_the_start_itself(ab):
    z0 = start()
    assert Unroll(last=3)(contraction(*ab), z0, 0) is z0


def test_the_gradient_through_all_steps_is_that_of_the_closed_form(ab):
    a, b = ab
    Unroll()(contraction(a, b), start(), 5).maps[0].sum().backward()
    assert b.grad.item() == pytest.approx(sum(0.5**i for i in range(5)), abs=1e-14)
    # d/da of aⁿ z0 + b (1 + a + … + aⁿ⁻¹)
    expected = 5 * 0.5**4 * 2 + 3 * sum(i * 0.5 ** (i - 1) for i in range(1, 5))
    assert a.grad.item() == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("last", [1, 2, 4, 5, 9])
def test_the_gradient_through_the_last_k_equals_an_explicit_composition(ab, last):
    a, b = ab
    f = contraction(a, b)
    got = torch.autograd.grad(Unroll(last)(f, start(), 5).maps[0].sum(), (a, b))
    graded = min(last, 5)
    z = start()
    for _ in range(5 - graded):
        z = f(z).detach()
    for _ in range(graded):
        z = f(z)
    expected = torch.autograd.grad(z.maps[0].sum(), (a, b))
    assert torch.equal(torch.stack(got), torch.stack(expected))


def test_the_value_does_not_depend_on_what_is_graded(ab):
    values = [Unroll(last)(contraction(*ab), start(), 7).maps[0].item() for last in (None, 1, 3, 7)]
    assert len(set(values)) == 1


def test_the_start_gets_a_gradient_only_when_every_step_is_graded(ab):
    z0 = Latent((torch.ones(1, 1, 1, 1, dtype=torch.float64, requires_grad=True),))
    f = contraction(*ab)
    (whole,) = torch.autograd.grad(Unroll(last=4)(f, z0, 4).maps[0].sum(), z0.maps)
    assert whole.item() == pytest.approx(0.5**4)
    (part,) = torch.autograd.grad(Unroll(last=3)(f, z0, 4).maps[0].sum(), z0.maps, allow_unused=True)
    assert part is None


def test_ungraded_steps_leave_no_graph(ab):
    seen: list[bool] = []

    def f(z: Latent) -> Latent:
        seen.append(torch.is_grad_enabled())
        return contraction(*ab)(z)

    Unroll(last=2)(f, start(), 5)
    assert seen == [False, False, False, True, True]


def test_less_than_one_graded_step_is_refused():
    with pytest.raises(StreamdeqError, match="at least the last application; got last=0"):
        Unroll(last=0)
