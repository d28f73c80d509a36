"""How strongly f reacts to z, row by row: the Jacobian penalty.

Legend: B rows, D entries per row, J = ∂f/∂z of a row (D, D).
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from streamdeq.errors import StreamdeqError
from streamdeq.implicit.base import pull_back
from streamdeq.latent import Latent
from streamdeq.solvers import FixedPointMap


def gaussian(z: Latent, generator: torch.Generator | None = None) -> Latent:
    """Standard normal numbers shaped like `z`, drawn from `generator` (torch's own if None)."""
    return z.map(lambda m: torch.randn(m.shape, generator=generator, dtype=m.dtype, device=m.device))


def jacobian_penalty(f: FixedPointMap, z: Latent, vectors: Sequence[Latent]) -> Tensor:
    """Hutchinson's estimate of ‖J‖²_F / D: the mean of ‖vᵀJ‖² / D over the `vectors` v, `(B,)`, with a graph to
    what `f` has captured and none to `z`.

    Published with 2 Gaussian vectors (Bai et al. 2021); its mean over rows is the published figure.
    """
    if not vectors:
        raise StreamdeqError("a Jacobian penalty needs 1 vector or more, got none")
    point = z.map(lambda m: m.detach().requires_grad_())
    with torch.enable_grad():
        value = f(point)
        products = [pull_back(value, point, v, differentiable=True) for v in vectors]
    entries = sum(c * h * w for c, h, w in z.shapes)
    return torch.stack([p.dot(p) for p in products]).mean(dim=0) / entries
