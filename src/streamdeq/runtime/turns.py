"""Timing in turns: everything once, then everything again, so that what else the machine does falls on all alike."""

from collections.abc import Callable, Sequence
from time import perf_counter


def in_turns(calls: Sequence[Callable[[], object]], least: int, most: int, seconds: float) -> list[list[float]]:
    """The seconds of every call of each: `least` turns whatever they take, then more until so many seconds have gone by
    or there have been `most`."""
    times: list[list[float]] = [[] for _ in calls]
    began = perf_counter()
    while len(times[0]) < least or (len(times[0]) < most and perf_counter() - began < seconds):
        for call, taken in zip(calls, times, strict=True):
            start = perf_counter()
            call()
            taken.append(perf_counter() - start)
    return times
