"""The next batches, prepared by one background thread.

A batch is a pure function of its step, so preparing ahead changes nothing but the time. Decoding and resizing
release the interpreter, so they run beside the network.
"""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(make: Callable[[int], T], steps: range, depth: int = 2) -> Iterator[T]:
    """`make(step)` for every step in order, at most `depth` of them early. Errors of `make` are raised here."""
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
    waiting: deque[Future[T]] = deque()
    upcoming = iter(steps)
    try:
        for _ in steps:
            for step in upcoming:
                waiting.append(pool.submit(make, step))
                if len(waiting) >= depth:
                    break
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
