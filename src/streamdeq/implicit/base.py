"""What it is to differentiate through a solve: from f and a start to a latent that carries a gradient.

How the fixed point is found and how its gradient is computed is a value, chosen apart from the network.
"""

from abc import ABC, abstractmethod

import torch

from streamdeq.latent import Latent
from streamdeq.solvers import Evaluations, FixedPointMap, Solver, solve


class Differentiation(ABC):
    """How a fixed point is found and differentiated. Final classes are frozen dataclasses without tensors."""

    @abstractmethod
    def __call__(self, f: FixedPointMap, z0: Latent, iterations: int) -> Latent:
        """The latent to read, with a graph to whatever `f` has captured (weights, injection).

        Args:
            f: a bound problem: the same function at every call, dropout masks and kernels included.
            z0: the start, one row per problem.
            iterations: of the solve, in the paper's sense (Broyden's first evaluation does not count). Applications
                that an object adds behind the solve to get its gradient are its own.
        """


def fixed_point(f: FixedPointMap, solver: Solver, z0: Latent, iterations: int) -> Latent:
    """The answer of `solver` after `iterations` iterations from `z0`, without a graph; `z0` itself after none."""
    if iterations < 1:
        return z0.detach()
    with torch.no_grad():
        return solve(f, solver, z0, Evaluations(solver.evaluations(iterations))).answer.detach()


def pull_back(value: Latent, point: Latent, y: Latent, differentiable: bool = False) -> Latent:
    """yᵀ·∂value/∂point, row by row; the graph between them stays. Nothing else gets a gradient."""
    parts = torch.autograd.grad(
        value.maps, point.maps, y.maps, retain_graph=True, create_graph=differentiable, materialize_grads=True
    )
    return Latent(parts)
