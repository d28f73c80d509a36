"""Runs of a second or two, in this process and in one of their own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from safetensors.torch import load_file

from streamdeq.cli import train as cli_train
from streamdeq.cli.main import build, guarded
from streamdeq.data.base import Dataset
from streamdeq.data.cache import cached
from streamdeq.data.open import open_dataset
from streamdeq.models.architecture import Architecture
from streamdeq.training import checkpoint, log, session
from streamdeq.training.loop import run_training
from streamdeq.training.recipe import Recipe, Uniform
from streamdeq.training.recipes import RECIPES
from streamdeq.training.run import RunSettings
from streamdeq.training.trainer import Trainer
from support import forked

PACED = Path(__file__).with_name("paced_training.py")
#: How long a process may take that has nothing to do but a second's work: others may be busy on this machine.
PATIENCE_S = 250.0
#: A pause in which a signal arrives before the next step.
PAUSE_S = 0.25

DATA = "synthetic:clips=2,frames=4,size=48x64"

#: With dropout and averaged weights, so that everything a checkpoint has to carry is there.
TINY = replace(
    RECIPES["synthetic-tiny"],
    architecture=Architecture((8, 8), groups=4, expansion=1, dropout=0.2),
    batch=2,
    steps=12,
    unroll=Uniform(1, 4),
    ema=0.9,
    statistics=4,
)


@cache
def data(split: str) -> Dataset:
    """The street, drawn once for all tests."""
    return cached(open_dataset(DATA, split), 1 << 26)


def trainer(folder: Path, recipe: Recipe = TINY, **run: Any) -> Trainer:
    return Trainer.build(recipe, data(recipe.split), RunSettings(folder, DATA, torch.device("cpu"), **run))


def train(folder: Path, recipe: Recipe = TINY, **run: Any) -> Trainer:
    """A new run from start to end (or to where `stop` says)."""
    running = trainer(folder, recipe, **run)
    opened = session.start(running)
    try:
        run_training(running, opened)
    finally:
        opened.close()
    return running


def resume(folder: Path, recipe: Recipe = TINY, **run: Any) -> Trainer:
    running = trainer(folder, recipe, **run)
    opened = session.resume(running)
    try:
        run_training(running, opened)
    finally:
        opened.close()
    return running


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / checkpoint.NAME)


def lines(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(text) for text in (folder / log.NAME).read_text().splitlines()]


def steps(folder: Path) -> list[dict[str, Any]]:
    """The log's steps, without how long they took."""
    return [{k: v for k, v in line.items() if k != "ms"} for line in lines(folder) if "loss" in line]


def process(
    *arguments: str,
    env: Mapping[str, str] = MappingProxyType({}),
    pause_s: float = 0.0,
    halt: int = 0,
    group: bool = False,
) -> subprocess.Popen[str]:
    """`streamdeq train …` on one thread, with `env` added to its environment.

    Args:
        pause_s, halt: a pause after each step; the checkpoint in whose writing it stops itself (`paced_training`).
        group: the first of a group of processes.
    """
    program = [str(PACED), str(pause_s), str(halt)] if pause_s or halt else ["-m", "streamdeq"]
    return forked.Popen(
        [sys.executable, *program, "train", *arguments, "--threads", "1", "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", **env},
        start_new_session=group,
    )


def command(*arguments: str) -> int:
    """The same command in this process; its exit code."""
    return guarded(build([cli_train.train]), ["train", *arguments, "--threads", "1", "--quiet"])


def settings(recipe: Recipe = TINY) -> list[str]:
    """What makes `synthetic-tiny` into `TINY` on the command line."""
    arch = recipe.architecture
    return [
        "synthetic-tiny",
        *("--data", DATA),
        f"architecture.channels={','.join(map(str, arch.channels))}",
        f"architecture.expansion={arch.expansion}",
        f"architecture.dropout={arch.dropout}",
        f"batch={recipe.batch}",
        f"steps={recipe.steps}",
        "unroll.high=4",
        f"ema={recipe.ema}",
        f"statistics={recipe.statistics}",
        f"optimizer.lr={recipe.optimizer.lr}",
    ]


def wait_for_step(folder: Path, step: int, running: subprocess.Popen[str], limit_s: float = PATIENCE_S) -> None:
    """Until the log has `step` steps."""
    until = time.monotonic() + limit_s
    path = folder / log.NAME
    while time.monotonic() < until and running.poll() is None:
        if path.exists() and path.read_text().count('"loss"') >= step:
            return
        time.sleep(0.01)
    running.kill()  # else it would be waited for until it has trained
    raise AssertionError(f"no step {step} within {limit_s} s: {running.communicate()}")
