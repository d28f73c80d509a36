"""Where the states of many streams live: pools of rows, one per canvas size and solver.

A pool is one batched solver state and one batched injection; a row is a slot in it. Rows of one pool can be stepped
in one batch, whichever frame or step each of them is at.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from streamdeq.latent import Latent
from streamdeq.models.cells import Injection
from streamdeq.solvers import Solver, SolverState


class Slots(NamedTuple):
    """The content of some rows, row axis first. A tuple, so that tensor functions map over it."""

    state: SolverState
    injection: Injection


def state_of(content: Slots) -> SolverState:
    return content.state


def read_of(content: Slots) -> tuple[Latent, Tensor, Tensor]:
    """What an answer is made of: the latent, and the relative residual and status (B,) of its solve."""
    return content.state.answer, content.state.relative, content.state.status


class Pool:
    """Rows of one canvas size that `solver` steps. Grows by doubling; a freed slot is used again."""

    def __init__(self, solver: Solver) -> None:
        self.solver = solver
        self._content: Any = None
        self._capacity = 0
        self._free: list[int] = []

    @property
    def rows(self) -> int:
        """Slots in use."""
        return self._capacity - len(self._free)

    def add(self, content: Slots) -> int:
        """Take a slot for the one row in `content` and return it."""
        if self._content is None:
            self._content, self._capacity = content, 1
            return 0
        if not self._free:
            grown = self._capacity * 2
            self._content = _map(lambda old: _grow(old, grown), self._content)
            self._free = list(range(grown - 1, self._capacity - 1, -1))
            self._capacity = grown
        slot = self._free.pop()
        self.scatter([slot], content)
        return slot

    def remove(self, slot: int) -> None:
        self._free.append(slot)

    def gather(self, slots: Sequence[int], part: Callable[[Slots], Any] = lambda content: content) -> Any:
        """The content of some rows, or a part of it: a view where they lie behind one another (one row always does),
        else a copy."""
        content = part(self._content)
        if list(slots) == list(range(self._capacity)):
            return content
        index = index_of(slots)
        return _map(lambda stored: stored[index], content)

    def scatter(self, slots: Sequence[int], content: Slots) -> None:
        """Put the content of some rows back."""
        if self._capacity == 1:
            # No copy for a row on its own. Not for more rows: a solver may return one tensor as both z and answer,
            # and writing some rows of one would then write them into the other.
            self._content = content
            return
        self._content, content = _same_layout(self._content, content, self._capacity)
        _write(self._content, content, slots)

    def scatter_state(self, slots: Sequence[int], state: SolverState) -> None:
        """The same for rows whose injection is as it was."""
        if self._capacity == 1:
            self._content = self._content._replace(state=state)
            return
        self._content, content = _same_layout(self._content, Slots(state, ()), self._capacity)
        _write(self._content.state, content.state, slots)

    @property
    def remembers(self) -> bool:
        """Whether its rows have memory of their solver, which is large."""
        return self._content is not None and self._content.state.memory is not None


def _write(stored: Any, content: Any, slots: Sequence[int]) -> None:
    index = index_of(slots)
    for old, new in zip(pytree.tree_leaves(stored), pytree.tree_leaves(content), strict=True):
        if old is None:  # a scale without injection
            continue
        # Of rows behind one another a solver writes its memory where it lies.
        if not isinstance(index, slice) or new.data_ptr() != old[index].data_ptr():
            old[index] = new


def index_of(slots: Sequence[int]) -> slice | Tensor:
    """A slice, and so a view, where they are behind one another."""
    first = slots[0]
    if list(slots) == list(range(first, first + len(slots))):
        return slice(first, first + len(slots))
    return torch.tensor(slots)


def _map(fn: Any, content: Any) -> Any:
    return pytree.tree_map_only(Tensor, fn, content)


def _grow(old: Tensor, capacity: int) -> Tensor:
    new = old.new_zeros(capacity, *old.shape[1:])
    if old.ndim == 4 and old.is_contiguous(memory_format=torch.channels_last):
        new = new.to(memory_format=torch.channels_last)
    new[: old.shape[0]] = old
    return new


def _same_layout(stored: Slots, some: Slots, capacity: int) -> tuple[Slots, Slots]:
    """Both with solver memory if one of them has it; a solver allocates it on first use, and zeros are "none yet"."""
    if stored.state.memory is None and some.state.memory is not None:
        stored = _with_empty_memory(stored, some.state.memory, capacity)
    elif some.state.memory is None and stored.state.memory is not None:
        some = _with_empty_memory(some, stored.state.memory, some.state.z.rows)
    return stored, some


def _with_empty_memory(content: Slots, like: Any, rows: int) -> Slots:
    memory = _map(lambda m: m.new_zeros(rows, *m.shape[1:]), like)
    return content._replace(state=replace(content.state, memory=memory))
