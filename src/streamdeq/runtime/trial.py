"""Whether an executor can be trusted here, and how fast it is: found out in a process of its own, which may crash.

The process gets the functions and a frame, prepares the executor, compares it with float32 as torch computes it, and
times both in turns. What it finds is a `Trial`, a file beside what it prepared.
"""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryFile
from typing import Any

import torch
from filelock import FileLock
from torch import Tensor
from torch.utils import _pytree as pytree

from streamdeq.codec import from_plain, to_plain
from streamdeq.files import atomic_path, shown
from streamdeq.latent import Latent
from streamdeq.runtime import compiled as compiled  # registers itself, and so do those below
from streamdeq.runtime import graphs as graphs
from streamdeq.runtime import onnx_ as onnx_
from streamdeq.runtime import openvino_ as openvino_
from streamdeq.runtime.cache import folder_of
from streamdeq.runtime.executor import HW, Executor
from streamdeq.runtime.functions import Functions
from streamdeq.runtime.kinds import EXECUTORS
from streamdeq.runtime.threaded import by_torch
from streamdeq.runtime.turns import in_turns

#: Relative error, ‖a − b‖ / ‖b‖ of any tensor, up to which an executor says the same as float32 by torch.
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 2e-2, torch.float64: 1e-10}
#: Or up to which it is as good as torch in the same format, which where values cancel out is worse than the above.
AS_GOOD = 2.0
#: Steps from zeros whose result the functions are compared at, rows at the most, timings at the least and at the most,
#: seconds for them, and seconds after which a trial has failed.
STEPS, ROWS, LEAST, TIMES, TIMING_S, LONGEST_S = 4, 8, 3, 15, 4.0, 1800
FUNCTIONS = ("inject", "step", "predict")


@dataclass(frozen=True)
class Trial:
    """What came of trying one executor.

    Args:
        problem: why it is not used, in a line; None if it is as good as torch.
        error: the largest relative error against float32.
        seconds, eager_s: what each of the functions takes, by its name, and torch beside it.
    """

    problem: str | None = None
    error: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)
    eager_s: dict[str, float] = field(default_factory=dict)

    @property
    def speedup(self) -> float:
        """Of a frame of two steps; 0 for what is not used."""
        if self.problem:
            return 0.0
        own, eager = (t["inject"] + 2 * t["step"] + t["predict"] for t in (self.seconds, self.eager_s))
        return eager / own


@dataclass(frozen=True)
class Job:
    """What the process is given: functions, the executor's name, pictures for a canvas, where to put what it makes."""

    functions: Functions
    name: str
    pictures: Tensor
    canvas_hw: HW
    folder: Path
    threads: int


def known(name: str, functions: Functions, canvas_hw: HW, rows: int) -> tuple[Path, Trial | None]:
    """Where an executor's things are, and what came of its trial if it has been tried."""
    folder = folder_of(name, functions, canvas_hw, min(rows, ROWS))
    try:
        return folder, from_plain(Trial, json.loads((folder / "trial.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return folder, None


def attempt(name: str, functions: Functions, pictures: Tensor, canvas_hw: HW) -> tuple[Path, Trial]:
    """Try an executor unless that has been done; where its things are, and what came of it. May take minutes."""
    folder, trial = known(name, functions, canvas_hw, len(pictures))
    if trial is None:
        with FileLock(folder / ".lock"):  # two processes that begin at once do it once
            folder, trial = known(name, functions, canvas_hw, len(pictures))
            if trial is None:
                job = Job(functions, name, pictures[:ROWS], canvas_hw, folder, functions.threads)
                trial, killed = _in_a_process(job)
                if not killed:
                    with atomic_path(folder / "trial.json") as part:
                        part.write_text(json.dumps(to_plain(trial)), encoding="utf-8")
    return folder, trial


def _in_a_process(job: Job) -> tuple[Trial, bool]:
    """What came of it, and whether it was killed, by us or for want of memory: that says nothing about another time."""
    where = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, "-m", "streamdeq.runtime.trial"]
    with TemporaryFile() as said:
        # In a session of its own: Ctrl-C is for the process that streams, and with that the other ends too.
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=said, stderr=said, env=where, start_new_session=True
        )
        late = threading.Timer(LONGEST_S, child.kill)
        late.daemon = True
        late.start()
        assert child.stdin is not None
        try:
            with suppress(BrokenPipeError):  # it has ended; what it said tells why
                pickle.dump(job, child.stdin)
                child.stdin.flush()  # and left open: when it closes, this process is gone, and so is the other
            code = child.wait()
        finally:
            late.cancel()
            child.kill()
            child.wait()
            with suppress(BrokenPipeError):
                child.stdin.close()
        said.seek(0)
        lines = said.read().decode(errors="replace").strip().splitlines() or [""]
    if code == 0:
        return from_plain(Trial, json.loads(lines[-1])), False
    how = signal.Signals(-code).name if code < 0 else shown(lines[-1])[:300] or f"exit code {code}"
    return Trial(problem=f"it failed when it was tried: {how}"), how == "SIGKILL"


def measure(executor: Executor, functions: Functions, pictures: Tensor, canvas_hw: HW) -> Trial:
    """Compare with float32 by torch, and time beside the functions as they are."""
    exact = functions if functions.dtype == torch.float64 else functions.converted(torch.float32)
    injection = exact.inject(pictures, canvas_hw)
    z = exact.zeros(injection)
    for _ in range(STEPS):
        z = exact.step(z, injection)
    calls: list[dict[str, Callable[..., Any]]] = [
        {
            "inject": lambda one=one: one.inject(pictures, canvas_hw),
            "step": lambda given=injection, one=one: one.step(z, given),
            "predict": lambda one=one: one.predict(z),
        }
        for one in (exact, by_torch(functions), executor)
    ]
    truth, usual, own = ({name: call() for name, call in some.items()} for some in calls)
    errors = {name: (_distance(own[name], truth[name]), _distance(usual[name], truth[name])) for name in FUNCTIONS}
    most = TOLERANCE[functions.dtype]
    for name, (error, usually) in errors.items():
        if not error <= max(most, AS_GOOD * usually):
            return Trial(f"its {name} is off by {error:.1e} of float32's, more than {most:.0e}", error)
    eager_s, seconds = {}, {}
    for some, result in zip(calls[1:], (usual, own), strict=True):
        some["step"] = partial(some["step"], result["inject"])  # a frame's injection is of the executor's own making
    for name in FUNCTIONS:
        both = [_timed(some[name], functions) for some in calls[1:]]
        eager_s[name], seconds[name] = map(median, in_turns(both, LEAST, TIMES, TIMING_S))
    return Trial(None, max(error for error, _ in errors.values()), seconds, eager_s)


def _distance(a: Any, b: Any) -> float:
    """The largest relative distance of any tensor; infinite where one is not finite."""
    pairs = zip(_tensors(a), _tensors(b), strict=True)
    distances = [(x.double() - y.double()).norm() / y.double().norm().clamp(min=1e-30) for x, y in pairs]
    return float(torch.stack(distances).max().nan_to_num(float("inf")))


def _tensors(tree: Any) -> Iterator[Tensor]:
    yield from (
        leaf for leaf in pytree.tree_leaves(tree.maps if isinstance(tree, Latent) else tree) if leaf is not None
    )


def _timed(call: Callable[[], Any], functions: Functions) -> Callable[[], None]:
    def done() -> None:
        call()
        functions.wait()

    return done


@contextmanager
def _ends_with_its_parent() -> Iterator[None]:
    """The pipe that the job came through closes when whoever wrote it is gone."""

    def watch() -> None:
        sys.stdin.buffer.read()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    yield


def main() -> int:
    job: Job = pickle.load(sys.stdin.buffer)  # written by our own process, into our own pipe
    with suppress(AttributeError, OSError):
        os.nice(10)  # the stream goes on meanwhile
    torch.set_num_threads(job.threads)
    with _ends_with_its_parent():
        kind = EXECUTORS[job.name]
        kind.prepare(job.functions, job.canvas_hw, job.folder)
        executor = kind.load(job.functions, job.canvas_hw, job.folder)
        trial = measure(executor, job.functions, job.pictures, job.canvas_hw)
    sys.stdout.write("\n" + json.dumps(to_plain(trial)) + "\n")
    sys.stdout.flush()
    os._exit(0)  # what others' libraries do at the end is of no interest, and one of them crashes there


if __name__ == "__main__":
    main()
