"""Broyden: the quasi-Newton solver of the published models."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from streamdeq.errors import StreamdeqError
from streamdeq.solvers.base import FixedPointMap, Solver, SolverState, SolverStatus, blend, bounded, observe
from streamdeq.solvers.pairs import Pairs


@dataclass(frozen=True)
class Broyden(Solver):
    """ "Good" Broyden on g(z) = f(z) − z from B₀ = −I, limited memory, no line search.

    M iterations are M + 1 evaluations: the first only evaluates. The answer is the evaluated point of lowest
    absolute residual among those after the first, and before there is one the proposal, z₀ + g(z₀) = f(z₀).
    `best` is the residual of that point, so infinite until then. A row whose memory is full empties it and
    goes on from its current point.
    """

    capacity: int
    """Pairs (two vectors of the size of z each) a row can hold. M of them last for M iterations."""

    def __post_init__(self) -> None:
        if self.capacity < 1:
            raise StreamdeqError(f"Broyden's capacity must be 1 pair or more, got {self.capacity}")

    def evaluations(self, iterations: int) -> int:
        return iterations + 1

    def enlarge(self, memory: Pairs | None) -> Pairs | None:
        return None if memory is None else memory.enlarged(self.capacity)

    def step(
        self, f: FixedPointMap, state: SolverState, active: Tensor | None = None, spent: int | None = None
    ) -> SolverState:
        value = f(state.z)
        seen, moving = observe(state, value, active)
        memory = state.memory
        x = state.z.flat()
        if memory is None:
            memory = Pairs.empty(x, self.capacity)
        # The step of a row that may not move is discarded; a gap of zero keeps it out of everything before.
        gap = torch.nan_to_num(value.flat() - x, 0.0, 0.0, 0.0) * moving.to(x.dtype)[:, None]
        # The first evaluation has no pair to teach, so there are fewer pairs than evaluations.
        most = self.capacity if spent is None else max(0, spent - 1)
        memory, step = memory.updated(x, gap, moving, most)

        sound = bounded(torch.linalg.vector_norm(step, dim=1))
        z = blend(state.z, state.z.unflat(x + step), (moving & sound).to(x.dtype))
        first = state.count == 0
        lower = moving & ~first & (seen.residual < state.best)
        answer = state.answer.lerp(state.z, lower.to(x.dtype)).lerp(z, (moving & first).to(x.dtype))
        return replace(
            seen,
            z=z,
            answer=answer,
            best=torch.where(lower, seen.residual, state.best),
            status=seen.status.masked_fill(moving & ~sound, int(SolverStatus.NONFINITE)),
            memory=memory,
        )
