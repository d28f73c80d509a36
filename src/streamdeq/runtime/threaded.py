"""torch's functions, each call by as many threads as turned out to be quickest for it on this machine.

A thread is woken and waited for in each of the dozens of operations that a function is. Where that takes longer than
what the thread computes, one thread alone is faster: on two virtual cores whose threads sleep when they wait, a step of
`camvid-s` takes 3.3 ms by one thread and 8.5 by two. How many are quickest is found out with the first calls for a
canvas, and kept: the last digits of an answer depend on it.
"""

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

import torch
from torch import Tensor

from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path, cache_folder, ensure_folder
from streamdeq.latent import Latent
from streamdeq.models.cells import Injection
from streamdeq.runtime.cache import all_but_newest, hashed, processor_name
from streamdeq.runtime.executor import HW, Executor
from streamdeq.runtime.functions import Functions
from streamdeq.version import __version__

T = TypeVar("T")
#: A call that takes this long by all threads is worth them; it is not tried with fewer.
LONG_S = 0.1
#: Calls of each number of threads: the first makes what later ones use and does not count.
CALLS = 3
#: Choices kept on disk.
MOST = 200


class Choice:
    """How many of `most` threads a call gets: all, one, two, four, … in turn, `CALLS` times each, until more are
    slower; from then on what was quickest."""

    def __init__(self, most: int, decided: int | None = None) -> None:
        self.decided = decided
        self._ways = [most, *(2**n for n in range((most - 1).bit_length()))]
        self._seconds: dict[int, list[float]] = {}

    @property
    def threads(self) -> int:
        return self.decided or self._ways[0]

    def took(self, threads: int, seconds: float) -> None:
        """So long a call with `threads` took."""
        if self.decided or threads != self._ways[0]:
            return
        times = self._seconds.setdefault(threads, [])
        times.append(seconds)
        if len(times) < CALLS:
            return
        best = {way: min(times[1:]) for way, times in self._seconds.items()}
        rising = list(best)[1:]  # the first are all threads
        slower = len(rising) > 1 and best[rising[-1]] > best[rising[-2]]
        del self._ways[0]
        if slower or not self._ways or (len(best) == 1 and best[threads] > LONG_S):
            self.decided = min(best, key=lambda way: best[way])


class Threaded(Executor):
    """Args:
    functions: what computes, on a processor.
    """

    def __init__(self, functions: Functions) -> None:
        self._functions = functions
        self._choices: dict[tuple[object, ...], Choice] = {}
        self._lock = threading.Lock()

    def inject(self, pictures: Tensor, canvas_hw: HW) -> Injection:
        call = partial(self._functions.inject, pictures, canvas_hw)
        return self._by(("inject", canvas_hw, len(pictures)), call)

    def zeros(self, injection: Injection) -> Latent:
        return self._functions.zeros(injection)

    def step(self, z: Latent, injection: Injection) -> Latent:
        return self._by(("step", z.shapes[0][1:], len(z.maps[0])), partial(self._functions.step, z, injection))

    def predict(self, z: Latent) -> Any:
        return self._by(("predict", z.shapes[0][1:], len(z.maps[0])), partial(self._functions.predict, z))

    def wait(self) -> None:
        self._functions.wait()

    def _by(self, what: tuple[str, HW, int], call: Callable[[], T]) -> T:
        """Rows are told apart up to the next power of two."""
        most = torch.get_num_threads()
        if most == 1:
            return call()
        name, hw, rows = what
        key = (name, hw, 1 << (rows - 1).bit_length(), most)
        with self._lock:
            choice = self._choices.get(key)
            if choice is None:
                choice = self._choices[key] = Choice(most, self._known(key))
            threads = choice.threads
        if choice.decided == most:
            return call()
        torch.set_num_threads(threads)
        began = perf_counter()
        try:
            return call()
        finally:
            taken = perf_counter() - began
            torch.set_num_threads(most)
            if not choice.decided:
                with self._lock:
                    choice.took(threads, taken)
                if choice.decided:
                    self._keep(key, choice.decided)

    # -- what is kept ------------------------------------------------------------------------------------

    def _file(self, key: tuple[object, ...]) -> Path:
        network = self._functions.network
        shape = (network.backbone.arch, type(network.head).__name__, sum(p.numel() for p in network.head.parameters()))
        told = (key, __version__, torch.__version__, processor_name(), str(self._functions.dtype), *shape)
        return cache_folder() / "threads" / f"{hashed(told)}.json"

    def _known(self, key: tuple[object, ...]) -> int | None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            threads = int(json.loads(self._file(key).read_text(encoding="utf-8"))["threads"])
            return threads if threads >= 1 else None
        return None

    def _keep(self, key: tuple[object, ...], threads: int) -> None:
        """Where nothing can be kept, it is found out anew each time."""
        file = self._file(key)
        with suppress(OSError, StreamdeqError):
            ensure_folder(file.parent)
            with atomic_path(file) as part:
                part.write_text(json.dumps({"of": repr(key), "threads": threads}), encoding="utf-8")
            for old in all_but_newest(MOST, file.parent.glob("*.json")):
                old.unlink(missing_ok=True)


def by_torch(functions: Functions) -> Functions | Threaded:
    """What computes where torch does."""
    return Threaded(functions) if functions.device.type == "cpu" else functions
