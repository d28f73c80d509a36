"""Differentiate by the implicit function theorem, without the path to the fixed point.

At z* = f(z*) the gradient of a loss with respect to whatever f has captured is that of one application f(z*), fed
with y instead of ∂L/∂z*, where y = (∂f/∂z)ᵀ·y + ∂L/∂z* (Eq. 3 of the paper): a fixed point too, row by row.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from streamdeq.errors import StreamdeqError
from streamdeq.implicit.base import Differentiation, fixed_point, pull_back
from streamdeq.latent import Latent
from streamdeq.solvers import Broyden, Evaluations, FixedPointMap, Solver, Tolerance, solve


@dataclass(frozen=True)
class Implicit(Differentiation):
    """Forward: a solve without gradient, then one application more, f(z*), which is what is read. Backward: Broyden.

    Memory and gradient do not depend on how z* was found, and are only as good as it is: away from a fixed point
    this is the gradient of nothing. The backward solve answers with its point of lowest residual, row by row.

    Args:
        solver: finds z*.
        max_steps: Broyden iterations of the backward solve, one more product with (∂f/∂z)ᵀ than that.
        tolerance: relative residual at which a row's backward solve ends early; 0 takes all steps and reads nothing
            from the device.
    """

    solver: Solver
    max_steps: int = 30
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        if self.max_steps < 1:
            raise StreamdeqError(f"the backward solve needs max_steps of 1 or more, got {self.max_steps}")
        if self.tolerance < 0:
            raise StreamdeqError(f"the backward solve's tolerance must be 0 or more, got {self.tolerance}")

    def __call__(self, f: FixedPointMap, z0: Latent, iterations: int) -> Latent:
        point = fixed_point(f, self.solver, z0, iterations)
        if not torch.is_grad_enabled():
            return f(point)
        point = point.map(lambda m: m.requires_grad_())
        value = f(point)
        return Latent(_Adjoint.apply(self, *point.maps, *value.maps))  # type: ignore[arg-type]

    def adjoint(self, point: Latent, value: Latent, gradient: Latent) -> Latent:
        """y = (∂f/∂z)ᵀ·y + `gradient`, for the graph that leads from `point` to `value` = f(point)."""
        # The system is linear: solved for a right side whose largest entry is 1, neither the tolerance nor float32
        # sees the loss's scale. A row without gradient is left; one that is not finite stays so, for all to see.
        largest = gradient.flat().abs().amax(dim=1)
        scale = torch.where(largest < torch.finfo(largest.dtype).tiny, 1, largest)
        right = gradient * (1 / scale)

        def transposed(y: Latent) -> Latent:
            return pull_back(value, point, y) + right

        solver = Broyden(capacity=self.max_steps)
        evaluations = solver.evaluations(self.max_steps)
        budget = Tolerance(evaluations, relative=self.tolerance) if self.tolerance else Evaluations(evaluations)
        start = right.map(torch.zeros_like)
        return solve(transposed, solver, start, budget).answer * scale


class _Adjoint(Function):
    """The identity of `value`, whose backward turns ∂L/∂z* into y. Everything behind is autograd's own."""

    @staticmethod
    def forward(ctx: Any, implicit: Implicit, *maps: Tensor) -> tuple[Tensor, ...]:
        ctx.implicit = implicit
        ctx.save_for_backward(*maps)
        return maps[len(maps) // 2 :]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():  # with create_graph alone; torch would take y for a constant and say nothing
            raise StreamdeqError("the implicit gradient has no second derivative; call backward without create_graph")
        scales = len(gradients)
        point, value = Latent(ctx.saved_tensors[:scales]), Latent(ctx.saved_tensors[scales:])
        y = ctx.implicit.adjoint(point, value, Latent(gradients))
        return None, *(None,) * scales, *y.maps
