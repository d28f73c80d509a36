"""Start a run in a new folder, or take one up again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from streamdeq.codec import differences, to_plain
from streamdeq.errors import StreamdeqError
from streamdeq.files import ensure_folder, sweep
from streamdeq.training import checkpoint, log
from streamdeq.training.recipe import Recipe
from streamdeq.training.trainer import Trainer, describe

#: Held by the process that trains in the folder; empty.
LOCK = ".lock"


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Nobody else trains in `folder` meanwhile. A process that was killed holds nothing.

    Raises:
        StreamdeqError: somebody does, or the folder cannot be written to.
    """
    lock = FileLock(ensure_folder(folder) / LOCK)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise StreamdeqError(f"another process trains in {folder}; wait for its end, or choose --out") from error
    except (OSError, NotImplementedError) as error:
        raise StreamdeqError(f"cannot lock {folder} for this run alone: {error}; choose another --out") from error
    try:
        yield
    finally:
        lock.release()


def past(folder: Path) -> checkpoint.Header:
    """What the checkpoint in `folder` says of its run."""
    return checkpoint.read_header(folder / checkpoint.NAME)


def check_same(old: Recipe, new: Recipe) -> None:
    """Refuse to go on with another recipe: the result would belong to neither."""
    changed = differences(to_plain(old), to_plain(new))
    if changed:
        key, before, now = changed[0]
        raise StreamdeqError(
            f"--resume: the recipe differs in '{key}': the run has {before}, now {now}; "
            "leave it as it was, or start a new run"
        )


def start(trainer: Trainer, say: Callable[[str], None] = lambda line: None) -> log.RunLog:
    """A new run: a checkpoint of step 0 and a log with its header. Refuses a folder that holds a run.

    `say` gets the line about the weights it begins with, if the recipe names some.
    """
    if not trainer.run.ranks.leads:
        trainer.initialise()
        return log.RunLog.silent()
    folder = ensure_folder(trainer.run.folder)
    if trainer.path.exists():
        raise StreamdeqError(f"{folder} holds a run already; continue it with --resume {folder}, or choose --out")
    sweep(folder)
    header = {**_header(trainer), **_surroundings(trainer)}
    account = trainer.initialise()
    if account:
        header["init"] = account.to_plain()
        say(account.summary())
    opened = log.RunLog.begin(folder / log.NAME, header)
    trainer.save()
    return opened


def resume(trainer: Trainer) -> log.RunLog:
    """The run in the trainer's folder, at its checkpoint; its data must be what it was, wherever it lies now."""
    was = past(trainer.run.folder)
    check_same(was.recipe, trainer.recipe)
    now = describe(trainer.dataset, was.data.spec)
    for key, before, after in differences(to_plain(was.data), to_plain(now)):
        raise StreamdeqError(f"--resume: the data differ in '{key}': the run has {before}, now {after}; check --data")
    trainer.restore()
    if not trainer.run.ranks.leads:
        return log.RunLog.silent()
    sweep(trainer.run.folder)
    path = trainer.run.folder / log.NAME
    step = trainer.state.step
    return log.RunLog.resume(path, step, _surroundings(trainer), last=step == trainer.recipe.steps)


def _surroundings(trainer: Trainer) -> dict[str, Any]:
    """What may be another after every resumption."""
    run = trainer.run
    return {**log.surroundings(run.device), "ranks": run.ranks.count, "accumulate": run.accumulate}


def _header(trainer: Trainer) -> dict[str, Any]:
    return {
        "event": "start",
        "step": 0,
        "recipe": to_plain(trainer.recipe),
        "seed": trainer.recipe.seed,
        "data": to_plain(describe(trainer.dataset, trainer.run.data)),
        "parameters": sum(p.numel() for p in trainer.network.parameters()),
    }
