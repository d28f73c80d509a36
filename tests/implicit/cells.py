"""A real cell in float64 that has a fixed point, and gradients in a form that compares."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from streamdeq.implicit import Differentiation, Implicit
from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.models.mdeq import MDEQ
from streamdeq.solvers import Broyden

SOLVER = Broyden(capacity=20)
ITERATIONS = 20
HW = (16, 24)


def backbone(dropout: float = 0.0) -> MDEQ:
    """Two scales; random but for norms that make f a contraction (spectral radius about 0.3)."""
    torch.manual_seed(0)
    net = MDEQ(Architecture((8, 8), groups=4, expansion=2, dropout=dropout)).double()
    for norm in (m for m in net.fullstage.modules() if isinstance(m, nn.GroupNorm)):
        nn.init.constant_(norm.weight, 0.3)
        nn.init.normal_(norm.bias)
    return net.eval()


def pictures(rows: int, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, 3, *HW, generator=generator, dtype=torch.float64)


@dataclass(frozen=True)
class Readout:
    """A loss on the latent that every entry matters to: mean of (z − target)² over the batch."""

    targets: Latent

    @staticmethod
    def random(net: MDEQ, rows: int, seed: int = 2) -> "Readout":
        generator = torch.Generator().manual_seed(seed)
        shapes = net.arch.shapes(HW)
        draw = (torch.randn(rows, *s, generator=generator, dtype=torch.float64) for s in shapes)
        return Readout(Latent(tuple(draw)))

    def __call__(self, z: Latent) -> Tensor:
        difference = z - self.targets.map(lambda m: m.to(z.maps[0].dtype))
        return difference.dot(difference).mean()


def loss_of(net: MDEQ, how: Differentiation, x: Tensor, readout: Readout, iterations: int = ITERATIONS) -> Tensor:
    injection = net.inject(x)
    return readout(how(net.bind(injection), net.zeros(injection), iterations))


@cache
def trained_state() -> dict[str, Tensor]:
    """Weights of `backbone()` after a few implicit steps towards a target."""
    net, x = backbone(), pictures(2)
    readout = Readout.random(net, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=1e-4)
    losses = []
    for _ in range(8):
        loss = loss_of(net, Implicit(SOLVER, 20), x, readout, 20)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.9 * losses[0], losses
    return net.state_dict()


def trained(dropout: float = 0.0) -> MDEQ:
    net = backbone(dropout)
    net.load_state_dict(trained_state())
    return net


def gradients(net: nn.Module, loss: Tensor) -> dict[str, Tensor]:
    names, parameters = zip(*net.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, parameters, retain_graph=True), strict=True))


def finite_difference(loss: Callable[[], Tensor], parameter: Tensor, way: Tensor, step: float = 1e-5) -> float:
    """The derivative of `loss()` with `parameter` moving along `way`, by central differences."""
    values = []
    with torch.no_grad():
        for sign in (1, -1):
            parameter += sign * step * way
            values.append(loss())
            parameter -= sign * step * way
    return float((values[0] - values[1]) / (2 * step))


def cosine(a: Iterable[Tensor], b: Iterable[Tensor]) -> float:
    """Of all tensors as one vector."""
    flat = [torch.cat([t.flatten().double() for t in tensors]) for tensors in (a, b)]
    return float(torch.nn.functional.cosine_similarity(*flat, dim=0))
