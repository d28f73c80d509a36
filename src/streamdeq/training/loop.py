"""The training loop, once for all tasks: from the state a trainer has reached to the recipe's last step."""

import time

import torch

from streamdeq.training.batches import ahead
from streamdeq.training.export import export, usable, validate
from streamdeq.training.log import RunLog
from streamdeq.training.trainer import Trainer


def run_training(trainer: Trainer, log: RunLog) -> bool:
    """Run to the recipe's last step, or to a plateau; False when stopped before it.

    Either way the checkpoint is of the last step; at the end the weights are written beside it.

    Raises:
        StreamdeqError: diverged, with the last good checkpoint still in place.
    """
    with torch.random.fork_rng(devices=()):
        finished = _steps(trainer, log)
        if trainer.guard.healthy:  # else the one before is the last good one, and resuming repeats what follows
            trainer.save()
        if finished:
            trainer.guard.finish()
            if trainer.run.ranks.leads:
                export(trainer, log)
    return finished


def _steps(trainer: Trainer, log: RunLog) -> bool:
    state, run, steps = trainer.state, trainer.run, trainer.recipe.steps
    saved_at = time.monotonic()
    if _stale(trainer, log):
        return True
    pin = run.device.type == "cuda"
    for parts in ahead(trainer.parts, range(state.step, steps), run.workers, pin=pin):
        record = trainer.step(*parts)
        log.write(record.line())
        run.report(record)
        if state.step == steps:
            break
        if state.step % run.validate_every == 0 and run.validation:
            if run.ranks.leads:
                validate(trainer, log, usable(trainer))
            if _stale(trainer, log):
                return True
        if run.ranks.any(run.stop()):
            return False
        if time.monotonic() - saved_at >= run.checkpoint_every_s and trainer.guard.healthy:
            trainer.save()
            saved_at = time.monotonic()
    return True


def _stale(trainer: Trainer, log: RunLog) -> bool:
    """Whether the run has come to a plateau, by the log of who leads."""
    run = trainer.run
    return bool(run.patience) and run.ranks.any(run.ranks.leads and log.stale >= run.patience)
