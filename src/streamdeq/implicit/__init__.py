"""Differentiate through the solve of z = f(z)."""

from streamdeq.implicit.base import Differentiation
from streamdeq.implicit.jacobian import gaussian, jacobian_penalty
from streamdeq.implicit.phantom import Phantom
from streamdeq.implicit.theorem import Implicit
from streamdeq.implicit.unroll import Unroll

__all__ = ["Differentiation", "Implicit", "Phantom", "Unroll", "gaussian", "jacobian_penalty"]
