"""Processes that are given jobs: one that dies is replaced, and its job given again."""

import multiprocessing as mp
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from streamdeq.errors import StreamdeqError

J = TypeVar("J")
A = TypeVar("A")
#: A job that so many processes died of is not given to another.
ATTEMPTS = 3


class Pool(Generic[J, A]):
    """Answers jobs, whichever is done first.

    Args:
        begin: called in each process; gives what answers a job, or raises StreamdeqError. Both are pickled.
    """

    def __init__(self, begin: Callable[[], Callable[[J], A]], processes: int) -> None:
        self._begin, self._count = begin, processes
        self._context = mp.get_context("spawn")
        self._stopped = False

    def stop(self) -> None:
        """Give out no more; what is at hand is given up. From a signal handler, too."""
        self._stopped = True

    def run(self, jobs: deque[J]) -> Iterator[tuple[J, A | StreamdeqError]]:
        """Each job with its answer, or with why there is none. Jobs that are added meanwhile are done too.

        Raises:
            StreamdeqError: the processes cannot begin.
        """
        workers: list[_Worker[J]] = []
        attempts: dict[Any, int] = {}
        try:
            while not self._stopped and (jobs or any(worker.job is not None for worker in workers)):
                if len(workers) < self._count and len([w for w in workers if w.idle]) < len(jobs):
                    workers.append(_Worker(self._context, self._begin))
                for worker in workers:
                    if worker.idle and jobs:
                        worker.give(jobs.popleft())
                for ready in wait([worker.channel for worker in workers], 0.2):
                    worker = next(one for one in workers if one.channel is ready)
                    job, answer = worker.job, worker.answer()
                    if answer is None:  # it died
                        workers.remove(worker)
                        if job is None and worker.begun:
                            continue
                        if job is None:
                            raise StreamdeqError(f"a process ended before its first job ({worker.end()}): see above")
                        attempts[job] = attempts.get(job, 0) + 1
                        if attempts[job] < ATTEMPTS:
                            jobs.appendleft(job)
                        else:
                            yield job, StreamdeqError(f"{ATTEMPTS} processes died of it, the last by {worker.end()}")
                    elif job is not None:
                        yield job, answer[0]
                    elif isinstance(answer[0], StreamdeqError):
                        raise answer[0]
        finally:
            for worker in workers:
                worker.end()


class _Worker(Generic[J]):
    """One process, and the job it has."""

    def __init__(self, context: Any, begin: Callable[[], Any]) -> None:
        self.channel, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, begin), daemon=True)
        self._process.start()
        theirs.close()
        self.job: J | None = None
        self.begun = False

    @property
    def idle(self) -> bool:
        return self.begun and self.job is None

    def give(self, job: J) -> None:
        self.job = job
        with suppress(OSError):  # it died: `answer` tells
            self.channel.send(job)

    def answer(self) -> tuple[Any] | None:
        """What it says to its job, or to its beginning; None when it is dead."""
        try:
            said = self.channel.recv()
        except (EOFError, OSError):
            return None
        self.job, self.begun = None, True
        return (said,)

    def end(self) -> str:
        """Give everything back; how it ended."""
        self._process.join(0.5 if self.channel.closed else 0)
        if self._process.is_alive():
            self._process.kill()
        self._process.join()
        self.channel.close()
        code = self._process.exitcode or 0
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def serve(channel: Connection, begin: Callable[[], Callable[[Any], Any]]) -> None:
    """What a process does: begin, then answer jobs until its parent is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a whole terminal's processes the parent ends its own
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        work = begin()
    except StreamdeqError as error:
        channel.send(error)
        return
    channel.send(None)
    while True:
        try:
            job = channel.recv()
        except EOFError:
            return
        try:
            answer = work(job)
        except StreamdeqError as error:
            answer = error
        channel.send(answer)


def _end_with_parent() -> None:
    parent = mp.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
