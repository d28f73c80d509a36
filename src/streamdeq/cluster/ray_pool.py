"""Jobs on a cluster of machines: Ray Data's pools of actors do what a `Pool` does on one machine."""

import logging
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from streamdeq.cluster.pool import ATTEMPTS
from streamdeq.errors import StreamdeqError

J = TypeVar("J")
A = TypeVar("A")
#: The address that means this machine alone.
LOCAL = "local"
#: Bytes of shared memory that Ray takes here: what it carries are jobs and counts.
STORE_BYTES = 256 << 20


class RayPool(Generic[J, A]):
    """Answers jobs in waves: those that are added meanwhile are the next one.

    Args:
        begin: called in each actor, as of a `Pool`; whatever it names must be there on every machine.
        address: of the cluster, as `ray.init` takes it, or "local".
        actors: at most; None: one for each of the cluster's cores.

    Raises:
        StreamdeqError: Ray is not installed.
    """

    def __init__(self, begin: Callable[[], Callable[[J], A]], address: str, actors: int | None = None) -> None:
        self._ray = ray_module()
        self._begin, self._address, self._actors = begin, address, actors
        self._stopped = False

    def stop(self) -> None:
        """Give out no more, and wait for no more."""
        self._stopped = True

    def run(self, jobs: deque[J]) -> Iterator[tuple[J, A | StreamdeqError]]:
        """As `Pool.run`. A job whose machine or process dies is given to another."""
        attempts: dict[Any, int] = {}
        with connected(self._ray, self._address):
            while jobs and not self._stopped:
                wave = dict(enumerate(jobs))
                jobs.clear()
                for number, answer in self._wave(wave):
                    yield wave.pop(number), answer
                    if self._stopped:
                        return
                for job in wave.values():  # Ray gave them up: it is quick to, while a machine or an actor is replaced
                    attempts[job] = attempts.get(job, 0) + 1
                    if attempts[job] < ATTEMPTS:
                        jobs.append(job)
                    else:
                        yield (
                            job,
                            StreamdeqError(f"Ray gave it up in {ATTEMPTS} attempts: its actors die; see Ray's log"),
                        )

    def _wave(self, wave: dict[int, J]) -> Iterator[tuple[int, A | StreamdeqError]]:
        from ray import data  # pyright: ignore[reportMissingImports]

        logging.getLogger("ray.data").setLevel(logging.CRITICAL)  # what dies is told here, without a traceback each
        context = data.DataContext.get_current()
        context.enable_progress_bars = context.print_on_execution_start = False
        context.max_errored_blocks = -1  # what dies too often is told as a job of its own
        rows = [{"number": number, "job": pickle.dumps(job)} for number, job in wave.items()]
        most = min(len(rows), self._actors or max(1, int(self._ray.cluster_resources().get("CPU", 1))))
        answers = data.from_items(rows, override_num_blocks=len(rows)).map_batches(
            Actor,
            fn_constructor_args=(self._begin,),
            batch_size=1,
            compute=data.ActorPoolStrategy(min_size=1, max_size=most, max_tasks_in_flight_per_actor=1),
            num_cpus=1,
            max_task_retries=1,
        )
        for row in answers.iter_rows():
            yield int(row["number"]), pickle.loads(row["answer"])


class Actor:
    """What answers jobs in a process of the cluster, a batch of one at a time."""

    def __init__(self, begin: Callable[[], Callable[[Any], Any]]) -> None:
        self._problem: StreamdeqError | None = None
        try:
            self._work = begin()
        except StreamdeqError as error:  # told for each job: Ray would start actors for ever
            self._problem = error

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        try:
            if self._problem is not None:
                raise self._problem
            answer = self._work(pickle.loads(batch["job"][0]))
        except StreamdeqError as error:
            answer = error
        return {"number": batch["number"], "answer": [pickle.dumps(answer)]}


def ray_module() -> Any:
    """The module.

    Raises:
        StreamdeqError: it is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    try:
        import ray  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise StreamdeqError(
            "--ray needs the package ray, which is not installed: pip install 'streamdeq[ray]'"
        ) from error
    return ray


@contextmanager
def connected(ray: Any, address: str) -> Iterator[None]:
    """Within it Ray may be used; a connection that was there already stays.

    Raises:
        StreamdeqError: no cluster is at the address.
    """
    if ray.is_initialized():
        yield
        return
    alone = {"include_dashboard": False, "object_store_memory": STORE_BYTES}
    where = alone if address == LOCAL else {"address": address}
    # Ray has its own way to die of signals; who asked to hear of them before still does.
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        ray.init(**where, logging_level="error", log_to_driver=False)
        if threading.current_thread() is threading.main_thread():
            for number, handler in handlers.items():
                signal.signal(number, handler)
    except (ConnectionError, ValueError, RuntimeError) as error:
        text = str(error).strip().splitlines() or [type(error).__name__]
        raise StreamdeqError(f"cannot reach the Ray cluster at {address}: {text[0]}; give another, or local") from error
    try:
        yield
    finally:
        ray.shutdown()
