"""Differentiate through plain applications of f."""

from dataclasses import dataclass

import torch

from streamdeq.errors import StreamdeqError
from streamdeq.implicit.base import Differentiation
from streamdeq.latent import Latent
from streamdeq.solvers import FixedPointMap


@dataclass(frozen=True)
class Unroll(Differentiation):
    """The gradient flows through the last `last` applications of f, or through all (None).

    What comes before is computed without a graph, so memory and backward time grow with `last`, not with the
    iterations. A start `z0` that requires a gradient gets one only when every application is graded; no application
    returns `z0` itself.
    """

    last: int | None = None

    def __post_init__(self) -> None:
        if self.last is not None and self.last < 1:
            raise StreamdeqError(f"gradient needs at least the last application; got last={self.last}")

    def __call__(self, f: FixedPointMap, z0: Latent, iterations: int) -> Latent:
        free = 0 if self.last is None else max(0, iterations - self.last)
        z = z0
        with torch.no_grad():
            for _ in range(free):
                z = f(z)
        if free:
            z = z.detach()
        for _ in range(iterations - free):
            z = f(z)
        return z
