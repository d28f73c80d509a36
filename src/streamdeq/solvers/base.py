"""What a solver is: explicit per-row state and a step of exactly one evaluation of f.

Nothing here reads the device, except a tolerance in `loop.py`: a step can be captured in a CUDA graph. Legend: B rows,
D entries per row.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any, NamedTuple, Self

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from streamdeq.latent import Latent, per_row

FixedPointMap = Callable[[Latent], Latent]
"""f: the problem is to find z = f(z). Row i of f(z) depends on row i of z alone."""


class SolverStatus(IntEnum):
    """How a row stands. A solver knows RUNNING and NONFINITE; the loop's verdict adds the other two."""

    RUNNING = 0
    CONVERGED = 1
    """The residual fell to the tolerance."""
    EXHAUSTED = 2
    """All evaluations of the budget were spent."""
    NONFINITE = 3
    """f or the proposal was NaN, infinite or overflowed since renewal; z and answer are the last finite ones."""


@dataclass(frozen=True, eq=False)
class SolverState:
    """A solve in progress, one row per problem; a registered pytree, so rows move by `tree_map`.

    A step returns a new state and leaves the fields of the old one alone, except that it may write into
    `memory`: fork with `clone`.
    """

    z: Latent
    """The next point to evaluate."""
    answer: Latent
    """What is read, and carried on to the next frame."""
    residual: Tensor
    """`(B,)` ‖f(z) − z‖ of the last evaluated point; infinite before the first, may be NaN."""
    relative: Tensor
    """`(B,)` the same over (‖f(z)‖ + 1e-9)."""
    best: Tensor
    """`(B,)` the lowest residual among the evaluated points that `answer` may be taken from."""
    count: Tensor
    """`(B,)` int32, evaluations of f since the row was renewed."""
    status: Tensor
    """`(B,)` uint8, a `SolverStatus`."""
    memory: Any = None
    """The solver's own pytree of tensors, row axis first, `Memory` in it or not; None until it is used. A row of zeros
    is an empty one."""

    def clone(self) -> SolverState:
        return pytree.tree_map(torch.clone, self)


pytree.register_pytree_node(
    SolverState,
    # A torch pytree counts None as a leaf; an absent memory is left out, so that plain tensor functions map.
    lambda s: (
        [s.z, s.answer, s.residual, s.relative, s.best, s.count, s.status] + ([] if s.memory is None else [s.memory]),
        None,
    ),
    lambda children, _: SolverState(*children),
    serialized_type_name="streamdeq.SolverState",
)


class Memory(ABC):
    """What a solver keeps and can empty at less cost than writing zeros over all of it; a registered pytree."""

    @abstractmethod
    def emptied(self, mask: Tensor | None) -> Self:
        """As good as zeros in the rows of `mask` `(B,)`, None: in all. May share tensors with this one."""


class Spent(NamedTuple):
    """What the host knows of all rows' counts without asking the device: none is below `least` or above `most`."""

    least: int
    most: int


class Solver(ABC):
    """Finds z = f(z) row by row. A value without tensors; all that changes is in `SolverState`."""

    @abstractmethod
    def evaluations(self, iterations: int) -> int:
        """Evaluations of f (NFE) that `iterations` iterations in the paper's sense cost."""

    @abstractmethod
    def step(
        self, f: FixedPointMap, state: SolverState, active: Tensor | None = None, spent: Spent | None = None
    ) -> SolverState:
        """Evaluate f once, at `state.z`, and move the active rows on.

        Args:
            f: called once, with all rows, whatever `active` says.
            state: rows may be at different counts.
            active: `(B,)` bool; the other rows come out as they went in. None: all.
            spent: memory that cannot be in use yet, and choices that are already made, then cost nothing; the result
                is the same. None: nothing is known.
        """

    def enlarge(self, memory: Any) -> Any:
        """What a solver of this kind with less memory holds in the middle of a solve, for this one to go on from."""
        return memory

    def init(self, z0: Latent) -> SolverState:
        """The state before the first evaluation."""
        like = z0.maps[0]
        unknown = like.new_full((z0.rows,), torch.inf)
        count = like.new_zeros(z0.rows, dtype=torch.int32)
        status = like.new_zeros(z0.rows, dtype=torch.uint8)
        return SolverState(z0, z0, unknown, unknown, unknown, count, status)

    def renew(self, state: SolverState, mask: Tensor | None, z0: Latent) -> SolverState:
        """Give the rows of `mask` (`(B,)` bool; None: all) a new problem, started at their row of `z0`.

        Residuals, count, status and memory belong to the old f and are dropped.
        """
        fresh, memory = self.init(z0), state.memory
        if memory is not None:
            memory = pytree.tree_map(lambda m: _emptied(m, mask), memory, is_leaf=lambda m: isinstance(m, Memory))
        if mask is not None:
            old = replace(state, memory=None)
            fresh = pytree.tree_map(lambda new, old: torch.where(per_row(mask, new), new, old), fresh, old)
        return replace(fresh, memory=memory)


def _emptied(part: Any, mask: Tensor | None) -> Any:
    if isinstance(part, Memory):
        return part.emptied(mask)
    if not isinstance(part, Tensor):
        return part
    return torch.zeros_like(part) if mask is None else part.masked_fill(per_row(mask, part), 0)


def observe(
    state: SolverState, value: Latent, active: Tensor | None, gap: Latent | None = None
) -> tuple[SolverState, Tensor]:
    """Note what the evaluation `value` = f(state.z) says about every active row.

    Args:
        gap: `value` − state.z, where the solver needs it too.

    Returns:
        The state with residual, relative, best, count and status brought up to date, and `(B,)` bool: the
        rows that may move, being active and finite.
    """
    residual, relative = _residuals(value - state.z if gap is None else gap, value)
    finite = bounded(residual)
    if active is None:
        moving, count, bad = finite, state.count + 1, ~finite
    else:
        moving, count, bad = finite & active, state.count + active.to(torch.int32), ~finite & active
        residual = torch.where(active, residual, state.residual)
        relative = torch.where(active, relative, state.relative)
    seen = replace(
        state,
        residual=residual,
        relative=relative,
        best=torch.fmin(state.best, residual),
        count=count,
        status=state.status.masked_fill(bad, int(SolverStatus.NONFINITE)),
    )
    return seen, moving


def bounded(norm: Tensor) -> Tensor:
    """A norm counts as finite as long as its square is (1.8e19 in float32).

    Entries up to that can be squared and subtracted without overflow, which `blend` relies on. NaN is not bounded.
    """
    return norm < torch.finfo(norm.dtype).max ** 0.5


@torch.no_grad()
def _residuals(gap: Latent, value: Latent) -> tuple[Tensor, Tensor]:
    """`(B,)` each: ‖f(z) − z‖, and the same over (‖f(z)‖ + 1e-9)."""
    residual = gap.norm()
    return residual, residual / (value.norm() + 1e-9)


def blend(old: Latent, new: Latent, weight: Tensor) -> Latent:
    """old + weight·(new − old), `weight` `(B,)`: exactly `new` at 1, exactly `old` at 0 whatever `new` holds.

    Exact but for the sign of a zero. This is `torch.where` and damping in one pass; on a CPU `where` with a
    mask per row alone takes twice as long.
    """
    # From new towards old, so that the maps keep the memory layout that f gives them.
    rest = 1 - weight
    return new.map(lambda m, o: torch.nan_to_num(m, 0.0, 0.0, 0.0).lerp_(o, per_row(rest, o)), old)
