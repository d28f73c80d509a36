"""Start a run in a new folder, or take one up again."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from streamdeq import files
from streamdeq.codec import differences, to_plain
from streamdeq.errors import StreamdeqError
from streamdeq.files import ensure_folder, sweep
from streamdeq.training import checkpoint, log
from streamdeq.training.recipe import Recipe
from streamdeq.training.trainer import Trainer, describe


@contextmanager
def held(folder: Path) -> Iterator[Path]:
    """Nobody else trains in `folder` meanwhile. What is refused before anything was written leaves no new folder.

    Raises:
        StreamdeqError: somebody does, or the folder cannot be written to.
    """
    new = not folder.exists()
    try:
        with files.held(folder, "trains in", "--out") as path:
            yield path
    finally:
        if new:
            with suppress(OSError):  # it holds something
                folder.rmdir()


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
        if classes := account.classes_text():
            say(classes)
    opened = log.RunLog.begin(folder / log.NAME, header, trainer.run.tensorboard)
    trainer.save()
    return opened


def resume(trainer: Trainer) -> log.RunLog:
    """The run in the trainer's folder, at its checkpoint; its data must be what it was, wherever it lies now."""
    was = past(trainer.run.folder)
    check_same(was.recipe, trainer.recipe)
    now = describe(trainer.dataset, was.data.spec)
    # A folder that was renamed holds the same data; checkpoints of before do not say what its files were called.
    same = replace(was.data, name=now.name, files=was.data.files or now.files)
    changed = differences(to_plain(same), to_plain(now))
    for key, before, after in sorted(changed, key=lambda one: one[0] == "files"):
        raise StreamdeqError(f"--resume: the data differ in '{key}': the run has {before}, now {after}; check --data")
    trainer.restore()
    if not trainer.run.ranks.leads:
        return log.RunLog.silent()
    sweep(trainer.run.folder)
    path = trainer.run.folder / log.NAME
    step = trainer.state.step
    last = step == trainer.recipe.steps
    return log.RunLog.resume(path, step, _surroundings(trainer), last, trainer.run.tensorboard)


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
