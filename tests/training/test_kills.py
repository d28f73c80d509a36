"""Training killed with -9 at any moment: what lies on disk is whole, and going on gives the run that nobody killed."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from support.small_runs import PATIENCE_S, TINY, process, settings, steps, tensors, train

from streamdeq.files import LOCK
from streamdeq.models.checkpoint import read_weights
from streamdeq.training import checkpoint, log
from streamdeq.training.recipe import Recipe
from streamdeq.training.run import WEIGHTS


@dataclass(frozen=True)
class Victim:
    """A process of a run. `begun` is how many came as far as the log before it."""

    folder: Path
    running: subprocess.Popen[str]
    begun: int

    def steps(self) -> int:
        """How many it has logged."""
        text = read(self.folder / log.NAME)
        return text.rpartition('"event"')[2].count('"loss"') if text.count('"event"') > self.begun else 0

    def wait(self, happened: Callable[[], bool]) -> None:
        until = time.monotonic() + PATIENCE_S
        while not happened():
            assert self.running.poll() is None, self.running.communicate()
            assert time.monotonic() < until
            time.sleep(0.0005)


#: After each step, that a kill comes before the next ones however busy the machine is.
PACE_S = 0.1
Moment = Callable[[Victim], None]
"""Returns when it is time to kill."""


def at_start(delay_s: float) -> Moment:
    return lambda victim: time.sleep(delay_s)


def after(steps: int, delay_s: float) -> Moment:
    def moment(victim: Victim) -> None:
        victim.wait(lambda: victim.steps() >= steps)
        time.sleep(delay_s)

    return moment


def in_a_write(victim: Victim) -> None:
    """Of a process that stops itself there."""
    _, status = os.waitpid(victim.running.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)


def go_on(folder: Path, recipe: Recipe, every_s: float, pause_s: float = 0.0, halt: int = 0) -> Victim:
    """What a user does after a crash: resume the run, or begin it if it never came to a checkpoint."""
    saved = (folder / checkpoint.NAME).exists()
    arguments = ["--resume", str(folder)] if saved else [*settings(recipe), "--out", str(folder)]
    begun = read(folder / log.NAME).count('"event"') if saved else 0
    running = process(*arguments, "--checkpoint-every", str(every_s), pause_s=pause_s, halt=halt)
    return Victim(folder, running, begun)


def kill(folder: Path, recipe: Recipe, every_s: float, moment: Moment, halt: int = 0) -> None:
    victim = go_on(folder, recipe, every_s, PACE_S, halt)
    with victim.running as running:
        moment(victim)
        running.kill()
    assert running.returncode == -signal.SIGKILL


def finish(folder: Path, recipe: Recipe, every_s: float) -> None:
    with go_on(folder, recipe, every_s).running as running:
        assert running.communicate(timeout=PATIENCE_S) == (f"{folder / WEIGHTS}\n", "")


def read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def saved_step(folder: Path, every_s: float) -> int:
    """The checkpoint's step, 0 if there is none: it is whole, and no more than `every_s` of training is lost."""
    if not (folder / checkpoint.NAME).exists():
        return 0
    assert all(bool(torch.isfinite(t).all()) for t in tensors(folder).values())
    done = checkpoint.read_header(folder / checkpoint.NAME).step
    logged = [json.loads(line) for line in read(folder / log.NAME).split("\n")[:-1]]  # the last may be cut
    lost = [line["ms"] for line in logged if "loss" in line and line["step"] > done]
    assert sum(lost[:-1]) <= 1e3 * every_s  # whether it is time is asked after every step
    return done


def assert_same_run(folder: Path, whole: Path) -> None:
    ours, expected = tensors(folder), tensors(whole)
    assert ours.keys() == expected.keys()
    assert [name for name in expected if not torch.equal(ours[name], expected[name])] == []
    assert steps(folder) == steps(whole)
    (_, ours), (_, expected) = read_weights(folder / WEIGHTS), read_weights(whole / WEIGHTS)
    assert all(torch.equal(ours[name], expected[name]) for name in expected)
    names = [{path.name for path in run.iterdir()} - {LOCK} for run in (folder, whole)]
    assert names[0] == names[1]  # nothing half-written is left lying about


def uninterrupted(folder: Path, recipe: Recipe) -> Path:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        train(folder, recipe)
    finally:
        torch.set_num_threads(before)
    return folder


def test_killed_in_a_step_and_in_the_writing_of_a_checkpoint_it_becomes_the_whole_run(tmp_path):
    whole, folder = uninterrupted(tmp_path / "whole", TINY), tmp_path / "run"
    kill(folder, TINY, 0, after(3, 0.0))
    done = saved_step(folder, 0)
    assert 2 <= done < 12
    kill(folder, TINY, 0, in_a_write, halt=1)  # its first: the checkpoint is still that of the process before
    [half] = folder.glob(f".{Path(checkpoint.NAME).stem}.part-*")
    assert 0 < half.stat().st_size < (folder / checkpoint.NAME).stat().st_size
    assert saved_step(folder, 0) == done
    finish(folder, TINY, 0)
    assert_same_run(folder, whole)


@pytest.mark.slow
def test_killed_at_twenty_random_moments_it_becomes_the_whole_run(tmp_path):
    recipe = replace(TINY, steps=400)
    whole, folder = uninterrupted(tmp_path / "whole", recipe), tmp_path / "run"
    rng = random.Random(20)
    moments = [after(rng.randint(1, 15), rng.uniform(0, 0.03)) for _ in range(12)]
    moments += [in_a_write] * 4 + [at_start(rng.uniform(0.5, 4)) for _ in range(3)]
    rng.shuffle(moments)
    done = 0
    for moment in [at_start(1.0), *moments]:
        written = moment is in_a_write
        every_s = 0.0 if written else rng.choice((0.0, 0.1, 0.3))
        kill(folder, recipe, every_s, moment, halt=rng.randint(1, 15) if written else 0)
        before, done = done, saved_step(folder, every_s)
        assert done >= before
    assert done < recipe.steps
    finish(folder, recipe, 0.3)
    assert_same_run(folder, whole)
