"""Work for the processes of a pool: the job says what becomes of it."""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from streamdeq.errors import StreamdeqError


def doubling() -> Callable[[int], int]:
    return lambda job: 2 * job


def refusing() -> Callable[[int], int]:
    raise StreamdeqError("no such model")


def dying(folder: Path) -> Callable[[tuple[str, int]], int]:
    return partial(_die, folder)


def _die(folder: Path, job: tuple[str, int]) -> int:
    """Dies so often of a job; each time leaves a mark."""
    name, deaths = job
    marks = len(list(folder.glob(f"{name}-*")))
    if marks < deaths:
        (folder / f"{name}-{marks}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "odd":
        raise StreamdeqError("odd one")
    return os.getpid()


def slow() -> Callable[[float], float]:
    def work(job: float) -> float:
        time.sleep(job)
        return job

    return work
