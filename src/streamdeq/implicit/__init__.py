"""Differentiate through the solve. Knows f, latents and solvers; no network, no image and no loss."""

from streamdeq.implicit.base import Differentiation
from streamdeq.implicit.jacobian import gaussian, jacobian_penalty, spectral_radius
from streamdeq.implicit.phantom import Phantom
from streamdeq.implicit.theorem import Implicit
from streamdeq.implicit.unroll import Unroll

__all__ = ["Differentiation", "Implicit", "Phantom", "Unroll", "gaussian", "jacobian_penalty", "spectral_radius"]
