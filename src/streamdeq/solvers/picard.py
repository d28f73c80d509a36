"""Picard: apply f again and again, damped or not."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import Tensor

from streamdeq.errors import StreamdeqError
from streamdeq.solvers.base import FixedPointMap, Solver, SolverState, Spent, blend, observe


@dataclass(frozen=True)
class Picard(Solver):
    """z ← (1 − τ)·z + τ·f(z); the answer is the last iterate. "Unrolling" where f is a network.

    M iterations are M evaluations. No memory.
    """

    damping: float = 1.0
    """τ, above 0 and at most 1; 1 is the plain iteration."""

    def __post_init__(self) -> None:
        if not 0.0 < self.damping <= 1.0:
            raise StreamdeqError(f"damping must be above 0 and at most 1, got {self.damping}; 1 is undamped")

    def evaluations(self, iterations: int) -> int:
        return iterations

    def step(
        self, f: FixedPointMap, state: SolverState, active: Tensor | None = None, spent: Spent | None = None
    ) -> SolverState:
        value = f(state.z)
        seen, moving = observe(state, value, active)
        z = blend(state.z, value, moving.to(value.maps[0].dtype) * self.damping)
        return replace(seen, z=z, answer=z)
