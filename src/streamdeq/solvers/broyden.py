"""Broyden: the quasi-Newton solver of the published models."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from streamdeq.errors import StreamdeqError
from streamdeq.latent import per_row
from streamdeq.solvers.base import FixedPointMap, Solver, SolverState, SolverStatus, Spent, observe
from streamdeq.solvers.steps import Steps


@dataclass(frozen=True)
class Broyden(Solver):
    """ "Good" Broyden on g(z) = f(z) − z from B₀ = −I, limited memory, no line search.

    M iterations are M + 1 evaluations: the first only evaluates. The answer is the evaluated point of lowest
    absolute residual among those after the first, and before there is one the proposal, z₀ + g(z₀) = f(z₀).
    `best` is the residual of that point, so infinite until then. A row whose memory is full empties it and
    goes on from its current point.
    """

    capacity: int
    """Pairs a row can hold, a vector of the size of z each and one more. M of them last for M iterations."""

    def __post_init__(self) -> None:
        if self.capacity < 1:
            raise StreamdeqError(f"Broyden's capacity must be 1 pair or more, got {self.capacity}")

    def evaluations(self, iterations: int) -> int:
        return iterations + 1

    def enlarge(self, memory: Steps | None) -> Steps | None:
        return None if memory is None else memory.enlarged(self.capacity)

    def step(
        self, f: FixedPointMap, state: SolverState, active: Tensor | None = None, spent: Spent | None = None
    ) -> SolverState:
        least, most = spent or (0, self.capacity + 1)
        value = f(state.z)
        gap = value - state.z
        seen, moving = observe(state, value, active, gap)
        gap = gap.map(lambda m: torch.nan_to_num_(m, 0.0, 0.0, 0.0))
        norm = gap.norm() if torch.is_grad_enabled() else seen.residual  # which carries no gradient
        memory = Steps.none(gap, self.capacity) if state.memory is None else state.memory
        memory, direction, length = memory.followed(gap, norm, moving, active, most)
        z = state.z.map(lambda m, d: torch.addcmul(m, d, per_row(length, m)), direction)

        first = state.count == 0
        lower = moving & ~first & (seen.residual < state.best)
        answer = state.answer.lerp(state.z, lower.to(norm.dtype)) if most > 0 else z
        if most > 0 and least == 0:
            answer = answer.lerp(z, (moving & first).to(norm.dtype))
        return replace(
            seen,
            z=z,
            answer=answer,
            best=torch.where(lower, seen.residual, state.best),
            status=seen.status.masked_fill(moving & (length == 0), int(SolverStatus.NONFINITE)),
            memory=memory,
        )
