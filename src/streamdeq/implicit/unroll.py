"""Differentiate through plain applications of f. Knows no solver, no image and no loss."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent


@dataclass(frozen=True)
class Unroll:
    """`steps` applications of f; the gradient flows through the last `last` of them, or through all (None).

    What comes before is computed without a graph, so memory and backward time grow with `last`, not with `steps`.
    A start `z0` that requires a gradient gets one only when every application is graded.
    """

    last: int | None = None

    def __post_init__(self) -> None:
        if self.last is not None and self.last < 1:
            raise StreamdeqError(f"gradient needs at least the last application; got last={self.last}")

    def __call__(self, f: Callable[[Latent], Latent], z0: Latent, steps: int) -> Latent:
        """z after `steps` applications from `z0`; no application returns `z0` itself."""
        free = 0 if self.last is None else max(0, steps - self.last)
        z = z0
        with torch.no_grad():
            for _ in range(free):
                z = f(z)
        if free:
            z = z.detach()
        for _ in range(steps - free):
            z = f(z)
        return z
