"""Rows of a batch on a thread each, where that gives the same bits as all threads for each in turn, in less time.

Threads that share a row wait for one another after each of its operations; threads with a row each do not. What that
saves is measured where the program runs (`least_rows`).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

import torch
from torch import Tensor

from streamdeq.runtime.programs import Program
from streamdeq.runtime.turns import in_turns

#: One row's tensors of a program's inputs, contiguous, to those of its outputs.
Session = Callable[[Sequence[Tensor]], list[Tensor]]
#: The inputs of several rows to the outputs of all, rows first.
Spread = Callable[[Sequence[Sequence[Tensor]]], list[Tensor]]

#: Times that a row is timed, at the least and at the most, and seconds after which the least is enough.
LEAST, TIMES, TIMING_S = 2, 7, 1.0
#: How far a call moves the time that a way is known to take, and after how many calls the slower one is tried again.
MOVE, AGAIN = 0.2, 50


class Quicker:
    """Which of two ways to do the same, 0 and 1, takes less time of late; the other is tried again now and then.

    The first call of each does not count: it makes what all later ones use.
    """

    def __init__(self) -> None:
        self._seconds, self._calls, self._made = [0.0, 0.0], 0, [False, False]

    @property
    def way(self) -> int:
        return int(self._seconds[1] < self._seconds[0])

    def next(self) -> int:
        self._calls += 1
        return self.way if self._calls % AGAIN else 1 - self.way

    def took(self, way: int, seconds: float) -> None:
        known, made = self._seconds[way], self._made[way]
        self._made[way] = True
        if made:
            self._seconds[way] = known + MOVE * (seconds - known) if known else seconds


@dataclass(eq=False)
class Rows:
    """A program for any number of rows, with the same bits for a row whichever others there are.

    Args:
        alone: one row, by all threads.
        open_spread: makes what computes rows on a thread each, when it is first needed: it has memory of its own.
        threads: how many there are.
        least: from so many rows on each gets a thread; fewer, and what is left of a multiple of `threads`, take turns,
            unless one thread turns out to be as quick for a row as all. 0: always.
    """

    alone: Session
    open_spread: Callable[[], Spread]
    threads: int = 1
    least: int = 0
    _spread: Spread | None = field(default=None, init=False)
    _quicker: Quicker = field(default_factory=Quicker, init=False)

    def __call__(self, rows: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        """The outputs of all rows, rows first."""
        if len(rows) == 1:
            return self._one(rows)
        count, parts = self.spread(len(rows)), []
        if count:
            if self._spread is None:
                self._spread = self.open_spread()
            parts.append(self._spread(rows[:count]))
        parts += map(self.alone, rows[count:])
        return parts[0] if len(parts) == 1 else [torch.cat(maps) for maps in zip(*parts, strict=True)]

    def spread(self, rows: int) -> int:
        """How many of so many rows, more than one, get a thread each."""
        if not self.least or rows < self.least:
            return 0
        left = rows % self.threads
        return rows if left >= self.least or self._quicker.way else rows - left

    def _one(self, rows: Sequence[Sequence[Tensor]]) -> list[Tensor]:
        if self._spread is None:
            return self.alone(rows[0])
        way, began = self._quicker.next(), perf_counter()
        outputs = self._spread(rows) if way else self.alone(rows[0])
        self._quicker.took(way, perf_counter() - began)
        return outputs


def least_rows(alone: Session, spread: Spread, program: Program, threads: int) -> int:
    """From how many rows on a thread for each takes less time than all threads for one after another; 0: never.

    Never, too, where that is not the same to the bit: then a row's answer would depend on how many others there are.
    """
    rows = [_example(program, seed) for seed in range(2)]
    together = spread(rows)
    for n, row in enumerate(rows):
        if not all(torch.equal(own, m[n : n + 1]) for own, m in zip(alone(row), together, strict=True)):
            return 0
    # The least of each: what else the machine does makes a call only longer.
    all_s, one_s = map(min, in_turns([lambda: alone(rows[0]), lambda: spread(rows[:1])], LEAST, TIMES, TIMING_S))
    return least_of(all_s, one_s, threads)


def least_of(all_s: float, one_s: float, threads: int) -> int:
    """The same from the seconds that all threads and one of them take for a row.

    As many rows as threads never take turns, whatever a busy machine's clock has said.
    """
    return min(threads, max(2, int(one_s / all_s) + 1))


def _example(program: Program, seed: int) -> list[Tensor]:
    """Inputs of one row: noise for pictures and maps, and sizes as they are."""
    noise = torch.Generator().manual_seed(seed)

    def like(given: Tensor) -> Tensor:
        if given.dtype == torch.uint8:
            return torch.randint(0, 256, given.shape, generator=noise, dtype=torch.uint8)
        return torch.randn(given.shape, generator=noise, dtype=given.dtype) if given.is_floating_point() else given

    return [like(given) for given in program.example]
