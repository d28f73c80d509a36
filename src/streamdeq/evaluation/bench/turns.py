"""What a benchmark times, in turns, and what came of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from streamdeq.runtime import turns

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
    times = turns.in_turns([probe.call for probe in probes], LEAST, MOST, seconds)
    return [_timing(probe, taken) for probe, taken in zip(probes, times, strict=True)]


def _timing(probe: Probe, seconds: Sequence[float]) -> Timing:
    ms = [1e3 * one / probe.calls for one in seconds]
    return Timing(probe.who, probe.part, median(ms), min(ms), probe.gflop, len(ms))
