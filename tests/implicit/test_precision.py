"""Gradients under autocast: bfloat16 inside f, and no weight forgotten."""

from contextlib import nullcontext

import pytest
import torch
from torch import Tensor

from streamdeq.implicit import Differentiation, Implicit, Phantom, Unroll, gaussian, jacobian_penalty
from streamdeq.latent import Latent
from streamdeq.models.mdeq import MDEQ
from streamdeq.solvers import Broyden, FixedPointMap

from .cells import Readout, cosine, pictures, trained

WAYS = [Unroll(last=2), Phantom(2, 0.7), Implicit(Broyden(8), max_steps=8)]
NAMES = ["unroll", "phantom", "implicit"]


def problem(net: MDEQ, x: Tensor) -> tuple[FixedPointMap, Latent]:
    """f as training binds it: float32 between applications, the injection's precision inside."""
    injection = net.inject(x)
    inside = injection[0].dtype
    cell = net.bind(injection)
    return lambda z: cell(z.to(inside)).map(Tensor.float), net.zeros(injection).map(Tensor.float)


def gradients(how: Differentiation, autocast: bool, backward_inside: bool = False) -> list[Tensor | None]:
    net, x = trained().float(), pictures(2).float()
    context = torch.autocast("cpu", torch.bfloat16) if autocast else nullcontext()
    with context:
        f, start = problem(net, x)
        loss = Readout.random(net, 2)(how(f, start, 8))
        if backward_inside:
            loss.backward()
    if not backward_inside:
        loss.backward()
    return [p.grad for p in net.parameters()]


@pytest.mark.parametrize("how", WAYS, ids=NAMES)
def test_autocast_gives_every_weight_its_gradient(how):
    # With autocast's cache of cast weights, which is filled by the applications without a gradient.
    wanted, got = gradients(how, autocast=False), gradients(how, autocast=True)
    assert all(g is not None and g.any() for g in got)
    assert cosine(got, wanted) > 0.98


def test_backward_may_be_called_inside_the_autocast_context():
    inside, outside = (gradients(WAYS[2], autocast=True, backward_inside=b) for b in (True, False))
    assert cosine(inside, outside) > 0.9999


def test_the_penalty_under_autocast_is_near_that_in_float32():
    net, x = trained().float(), pictures(2).float()
    values = []
    for context in (nullcontext(), torch.autocast("cpu", torch.bfloat16, cache_enabled=False)):
        with context:
            f, z = problem(net, x)
            torch.manual_seed(0)
            values.append(jacobian_penalty(f, z, [gaussian(z), gaussian(z)]))
            values[-1].sum().backward()
    assert values[1].dtype == torch.float32
    torch.testing.assert_close(*values, rtol=0.05, atol=0)
