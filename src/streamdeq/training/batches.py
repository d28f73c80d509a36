"""The next batches, prepared beside the network by a thread or by processes.

A batch is a pure function of its step, so who prepares it, and how far ahead, changes nothing but the time.
"""

import signal
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any, TypeVar

from torch.utils.data import DataLoader, Dataset

from streamdeq.errors import StreamdeqError

T = TypeVar("T")

#: How many batches each worker, or the thread, is ahead.
DEPTH = 2


def ahead(make: Callable[[int], T], steps: range, workers: int = 0, *, pin: bool = False) -> Iterator[T]:
    """`make(step)` for every step in order, some of them early. Errors of `make` are raised here.

    Args:
        workers: processes, each of which makes whole batches; 0 for a thread of this one.
        pin: whether a worker's batches come in memory that a GPU copies from by itself.
    """
    with closing(_by_processes(make, steps, workers, pin) if workers else _by_thread(make, steps)) as batches:
        yield from batches


def _by_thread(make: Callable[[int], T], steps: range) -> Generator[T]:
    """Decoding and resizing release the interpreter, so they run beside the network."""
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="batches")
    waiting: deque[Future[T]] = deque()
    upcoming = iter(steps)
    try:
        for _ in steps:
            for step in upcoming:
                waiting.append(pool.submit(make, step))
                if len(waiting) >= DEPTH:
                    break
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Steps(Dataset[Any]):
    """What torch's loader takes `make` for. A user's error comes as a value: torch would put a traceback around it."""

    def __init__(self, make: Callable[[int], Any]) -> None:
        self.make = make

    def __getitem__(self, step: int) -> Any:
        try:
            return self.make(step)
        except StreamdeqError as error:
            return error


def _by_processes(make: Callable[[int], T], steps: range, workers: int, pin: bool) -> Generator[T]:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This DataLoader will create")  # more than cores: for slow disks
        loader = DataLoader(
            _Steps(make),
            batch_size=None,
            sampler=steps,
            num_workers=workers,
            collate_fn=_as_it_is,
            pin_memory=pin,
            worker_init_fn=_begin,
            multiprocessing_context="fork",  # a data set of a million files is not sent to each
            prefetch_factor=DEPTH,
        )
        batches = iter(loader)
    try:
        for batch in batches:
            if isinstance(batch, StreamdeqError):
                raise batch
            yield batch
    finally:
        del batches  # ends the processes, which an error's traceback would keep


def _as_it_is(batch: T) -> T:
    return batch


def _begin(worker: int) -> None:
    """A signal to the whole group asks the run to stop in order; it ends its workers itself."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
