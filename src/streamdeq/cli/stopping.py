"""Take Ctrl-C, SIGTERM, hang-ups and the like as a request to stop in order."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

HANG_UP = getattr(signal, "SIGHUP", None)
#: Whatever ends a program that can still end in order; some systems do not have all.
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGXCPU")
STOPPING = tuple(getattr(signal, name) for name in NAMES if name in dir(signal))


@contextmanager
def stop_signals(stop: Callable[[], None] = lambda: None) -> Iterator[list[int]]:
    """Yield a list that holds the number of the first signal of `STOPPING` once it has come; a second one ends at once.

    Whoever works is told by `stop`, or looks at the list between two units of work, so that no file is left
    half-finished. `stop` runs between any two instructions of the main thread: it may not wait for a lock.
    """
    caught: list[int] = []

    handlers: dict[int, Any] = {number: signal.getsignal(number) for number in STOPPING}
    # A hang-up that is ignored (`nohup`) stays ignored.
    before = {n: handler for n, handler in handlers.items() if n != HANG_UP or handler != signal.SIG_IGN}

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
