"""The only loop: step a solver until a budget is spent. Knows no f, no solver and no frame in particular."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.solvers.base import FixedPointMap, Solver, SolverState, Status

Trace = Callable[[int, SolverState], None]
"""Called after every step with its number, from 1, and the new state."""


@dataclass(frozen=True)
class Evaluations:
    """A fixed number of evaluations for every row. Reads nothing from the device."""

    number: int
    """NFE; `solver.evaluations(M)` for M iterations in the paper's sense."""

    def __post_init__(self) -> None:
        _at_least_one(self.number)


@dataclass(frozen=True)
class Tolerance:
    """Each row until one of its residuals is small enough, then it stays as it is.

    Asks the device once per step whether any row is left.
    """

    max_evaluations: int
    """No row gets more than this."""
    relative: float = 0.0
    """Stop at ‖f(z) − z‖ ≤ relative · (‖f(z)‖ + 1e-9)."""
    absolute: float = 0.0
    """Stop at ‖f(z) − z‖ ≤ absolute."""

    def __post_init__(self) -> None:
        _at_least_one(self.max_evaluations)
        if min(self.relative, self.absolute) < 0 or max(self.relative, self.absolute) == 0:
            raise StreamdeqError(
                "a tolerance needs relative or absolute above 0 and neither below, "
                f"got relative={self.relative}, absolute={self.absolute}"
            )

    def met(self, state: SolverState) -> Tensor:
        """`(B,)` bool: the last evaluated point is good enough."""
        return (state.relative <= self.relative) | (state.residual <= self.absolute)


@dataclass(frozen=True, eq=False)
class Solution:
    """What a solve came to."""

    answer: Latent
    status: Tensor
    """`(B,)` uint8, a `Status`; none is RUNNING."""
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
    return resume(f, solver, solver.init(z0), budget, trace, spent=0)


def resume(
    f: FixedPointMap,
    solver: Solver,
    state: SolverState,
    budget: Evaluations | Tolerance,
    trace: Trace | None = None,
    spent: int | None = None,
) -> Solution:
    """Go on from a state, of the same f or renewed; the budget counts from here.

    `spent` is what the caller knows of the state's counts: none is above it (see `Solver.step`).
    """
    if isinstance(budget, Evaluations):
        state = _fixed(f, solver, state, budget.number, trace, spent)
        converged = torch.zeros_like(state.status, dtype=torch.bool)
    else:
        state = _until(f, solver, state, budget, trace, spent)
        converged = budget.met(state)
    verdict = torch.where(converged, int(Status.CONVERGED), int(Status.EXHAUSTED)).to(torch.uint8)
    failed = state.status == Status.NONFINITE
    return Solution(state.answer, torch.where(failed, state.status, verdict), state)


def _fixed(
    f: FixedPointMap, solver: Solver, state: SolverState, steps: int, trace: Trace | None, spent: int | None
) -> SolverState:
    for step in range(1, steps + 1):
        state = solver.step(f, state, None, _before(step, spent))
        if trace is not None:
            trace(step, state)
    return state


def _until(
    f: FixedPointMap, solver: Solver, state: SolverState, budget: Tolerance, trace: Trace | None, spent: int | None
) -> SolverState:
    for step in range(1, budget.max_evaluations + 1):
        active = ~budget.met(state) & (state.status != Status.NONFINITE)
        if not bool(active.any()):  # the one place in this room where the host waits for the device
            break
        state = solver.step(f, state, active, _before(step, spent))
        if trace is not None:
            trace(step, state)
    return state


def _before(step: int, spent: int | None) -> int | None:
    """An upper bound of the counts when `step` begins, `spent` being one for the start."""
    return None if spent is None else spent + step - 1


def _at_least_one(evaluations: int) -> None:
    if evaluations < 1:
        raise StreamdeqError(f"a solve needs 1 evaluation of f or more, got {evaluations}")
