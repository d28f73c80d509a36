"""Another rule for what a solver answers: the best evaluated point, or one step beyond it; its steps stay the same."""

from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from streamdeq.latent import Latent
from streamdeq.solvers.base import FixedPointMap, Solver, SolverState, Spent, blend


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

    def enlarge(self, memory: Inner | None) -> Inner | None:
        return None if memory is None else replace(memory, memory=self.solver.enlarge(memory.memory))

    @abstractmethod
    def candidate(self, point: Latent, value: Latent) -> Latent:
        """The answer for an evaluated point z, given f(z)."""

    def step(
        self, f: FixedPointMap, state: SolverState, active: Tensor | None = None, spent: Spent | None = None
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
        memory = Inner(moved.answer, moved.best, moved.memory)
        return replace(moved, answer=answer, best=torch.where(lower, moved.residual, state.best), memory=memory)


@dataclass(frozen=True)
class BestSoFar(AnswerAtLowest):
    """The answer is the evaluated point of lowest absolute residual, the start included.

    For the M-th iterate to have been evaluated, M iterations are M + 1 evaluations whatever the solver.
    """

    def evaluations(self, iterations: int) -> int:
        return iterations + 1

    def candidate(self, point: Latent, value: Latent) -> Latent:
        return point


@dataclass(frozen=True)
class FreeLastStep(AnswerAtLowest):
    """The answer is f(z) = z + g(z) at the evaluated point z of lowest absolute residual, the start included.

    One fixed-point step beyond the best point, for no evaluation. Around Broyden it improves on every answer but
    the first; around undamped Picard it is the last iterate as long as residuals fall.
    """

    def evaluations(self, iterations: int) -> int:
        return self.solver.evaluations(iterations)

    def candidate(self, point: Latent, value: Latent) -> Latent:
        return value


def _inner(state: SolverState) -> SolverState:
    """The state that the wrapped solver would have by itself."""
    if state.memory is None:
        return state
    inner: Inner = state.memory
    fresh = state.count == 0
    answer, best = state.answer.where(fresh, inner.answer), torch.where(fresh, state.best, inner.best)
    return replace(state, answer=answer, best=best, memory=inner.memory)


pytree.register_pytree_node(
    Inner,
    lambda m: ([m.answer, m.best] + ([] if m.memory is None else [m.memory]), None),
    lambda children, _: Inner(*children),
    serialized_type_name="streamdeq.Inner",
)
