"""Timing in turns: everything once, then everything again, so that what else the machine does falls on all alike."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

#: Turns at the least, whatever they take, and at the most.
LEAST, MOST = 3, 200


@dataclass(frozen=True, eq=False)
class Probe:
    """Something to be timed.

    Args:
        who, part: the line and the column of the table it belongs to.
        call: does it once, and waits for the device.
        gflop: multiplications and additions of one call, in 1e9.
        calls: how often `call` does it.
    """

    who: str
    part: str
    call: Callable[[], Any]
    gflop: float = 0.0
    calls: int = 1


@dataclass(frozen=True)
class Timing:
    """Milliseconds of one call: the median, and the fastest, which a busy machine disturbs least."""

    who: str
    part: str
    ms: float
    best_ms: float
    gflop: float
    turns: int

    @property
    def gflops(self) -> float:
        """1e9 operations per second, of the fastest."""
        return 1e3 * self.gflop / self.best_ms


def in_turns(probes: Sequence[Probe], seconds: float) -> list[Timing]:
    """Time all probes for about so many seconds altogether; each has been called once before."""
    for probe in probes:
        probe.call()
    times: list[list[float]] = [[] for _ in probes]
    began = perf_counter()
    while len(times[0]) < LEAST or (perf_counter() - began < seconds and len(times[0]) < MOST):
        for probe, taken in zip(probes, times, strict=True):
            start = perf_counter()
            probe.call()
            taken.append(1e3 * (perf_counter() - start) / probe.calls)
    return [
        Timing(probe.who, probe.part, median(taken), min(taken), probe.gflop, len(taken))
        for probe, taken in zip(probes, times, strict=True)
    ]
