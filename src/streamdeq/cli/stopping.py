"""Ctrl-C and SIGTERM as a request to stop in order. Knows signals; nothing of what is stopped."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def stop_signals(stop: Callable[[], None] = lambda: None) -> Iterator[list[int]]:
    """Yield a list that holds the number of the first SIGINT or SIGTERM once it has come; a second one ends at once.

    Whoever works is told by `stop`, or looks at the list between two units of work, so that no file is left
    half-finished. `stop` runs between any two instructions of the main thread: it may not wait for a lock.
    """
    caught: list[int] = []

    before: dict[int, Any] = {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def handle(number: int, frame: object) -> None:
        caught.append(number)
        restore()
        stop()

    for number in before:
        signal.signal(number, handle)
    try:
        yield caught
    finally:
        restore()
