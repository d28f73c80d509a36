"""The only loop: step a solver until a budget is spent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.solvers.base import FixedPointMap, Solver, SolverState, SolverStatus, Spent

Trace = Callable[[int, SolverState], None]
"""Called after every step with its number, from 1, and the new state."""


@dataclass(frozen=True)
class Evaluations:
    """A fixed number of evaluations for every row. Reads nothing from the device."""

    limit: int
    """NFE; `solver.evaluations(M)` for M iterations in the paper's sense."""

    def __post_init__(self) -> None:
        _at_least_one(self.limit)

    def met(self, state: SolverState) -> Tensor:
        """`(B,)` bool: nothing is good enough to stop."""
        return torch.zeros_like(state.status, dtype=torch.bool)

    def active(self, state: SolverState) -> None:
        """All rows, always."""


@dataclass(frozen=True)
class Tolerance:
    """Each row until one of its residuals is small enough, then it stays as it is.

    Asks the device once per step whether any row is left.
    """

    limit: int
    """No row gets more evaluations than this."""
    relative: float = 0.0
    """Stop at ‖f(z) − z‖ ≤ relative · (‖f(z)‖ + 1e-9)."""
    absolute: float = 0.0
    """Stop at ‖f(z) − z‖ ≤ absolute."""

    def __post_init__(self) -> None:
        _at_least_one(self.limit)
        if min(self.relative, self.absolute) < 0 or max(self.relative, self.absolute) == 0:
            raise StreamdeqError(
                "a tolerance needs relative or absolute above 0 and neither below, "
                f"got relative={self.relative}, absolute={self.absolute}"
            )

    def met(self, state: SolverState) -> Tensor:
        """`(B,)` bool: the last evaluated point is good enough."""
        return (state.relative <= self.relative) | (state.residual <= self.absolute)

    def active(self, state: SolverState) -> Tensor:
        """`(B,)` bool: the rows that get another evaluation."""
        return ~self.met(state) & (state.status != SolverStatus.NONFINITE)


@dataclass(frozen=True, eq=False)
class Solution:
    """What a solve came to."""

    answer: Latent
    status: Tensor
    """`(B,)` uint8, a `SolverStatus`; none is RUNNING."""
    state: SolverState
    """For the per-row numbers, and to `resume` from."""


def solve(
    f: FixedPointMap,
    solver: Solver,
    z0: Latent,
    budget: Evaluations | Tolerance,
    trace: Trace | None = None,
) -> Solution:
    """Solve z = f(z) from `z0`."""
    return resume(f, solver, solver.init(z0), budget, trace, Spent(0, 0))


def resume(
    f: FixedPointMap,
    solver: Solver,
    state: SolverState,
    budget: Evaluations | Tolerance,
    trace: Trace | None = None,
    spent: Spent | None = None,
) -> Solution:
    """Go on from a state, of the same f or renewed; the budget counts from here.

    `spent` is what the caller knows of the state's counts (see `Solver.step`).
    """
    for step in range(1, budget.limit + 1):
        active = budget.active(state)
        if active is not None and not bool(active.any()):  # the one place in this room where the host waits
            break
        state = solver.step(f, state, active, spent)
        if spent is not None:
            spent = Spent(spent.least + (active is None), spent.most + 1)
        if trace is not None:
            trace(step, state)
    verdict = torch.where(budget.met(state), int(SolverStatus.CONVERGED), int(SolverStatus.EXHAUSTED))
    failed = state.status == SolverStatus.NONFINITE
    return Solution(state.answer, torch.where(failed, state.status, verdict.to(torch.uint8)), state)


def _at_least_one(evaluations: int) -> None:
    if evaluations < 1:
        raise StreamdeqError(f"a solve needs 1 evaluation of f or more, got {evaluations}")
