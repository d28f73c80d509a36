"""Solvers that only change what another solver answers. Know no solver in particular."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from streamdeq.latent import Latent
from streamdeq.solvers.base import FixedPointMap, Solver, SolverState, blend


@dataclass(frozen=True, eq=False)
class Inner:
    """The fields of the wrapped solver's state that are not the wrapper's own. Unread while a row's count is 0."""

    answer: Latent
    best: Tensor
    memory: Any = None


@dataclass(frozen=True)
class AnswerAtLowest(Solver):
    """Steps as `solver` does; the answer belongs to the evaluated point of lowest residual, the start included."""

    solver: Solver

    @abstractmethod
    def candidate(self, point: Latent, value: Latent) -> Latent:
        """The answer for an evaluated point z, given f(z)."""

    def step(
        self, f: FixedPointMap, state: SolverState, active: Tensor | None = None, spent: int | None = None
    ) -> SolverState:
        # The inner solver evaluates exactly once, at state.z; its value is wanted here too.
        values: list[Latent] = []

        def watched(z: Latent) -> Latent:
            values.append(f(z))
            return values[0]

        moved = self.solver.step(watched, _inner(state), active, spent)
        # False for a row that did not step: its residual is one that `best` knows.
        lower = moved.residual < state.best
        answer = blend(state.answer, self.candidate(state.z, values[0]), lower.to(moved.residual.dtype))
        return replace(
            moved,
            answer=answer,
            best=torch.where(lower, moved.residual, state.best),
            memory=Inner(moved.answer, moved.best, moved.memory),
        )


def _inner(state: SolverState) -> SolverState:
    """The state that the wrapped solver would have by itself."""
    if state.memory is None:
        return state
    inner: Inner = state.memory
    fresh = state.count == 0
    return replace(
        state,
        answer=state.answer.where(fresh, inner.answer),
        best=torch.where(fresh, state.best, inner.best),
        memory=inner.memory,
    )


pytree.register_pytree_node(
    Inner,
    lambda m: ([m.answer, m.best] + ([] if m.memory is None else [m.memory]), None),
    lambda children, _: Inner(*children),
    serialized_type_name="streamdeq.Inner",
)
