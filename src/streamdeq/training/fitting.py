"""In how many parts a batch fits into memory: `batch=auto`."""

from dataclasses import replace
from typing import Any

import torch

from streamdeq.data.base import Dataset
from streamdeq.errors import OutOfMemoryError, memory_errors
from streamdeq.training.average import kept_statistics
from streamdeq.training.plan import plan_step
from streamdeq.training.recipe import Fixed, Recipe
from streamdeq.training.run import RunSettings
from streamdeq.training.trainer import Trainer


def fitted(recipe: Recipe, dataset: Dataset, run: RunSettings) -> Trainer:
    """A trainer at step 0 whose batch goes through in as few parts, by halves, as memory allows on every process.

    Raises:
        StreamdeqError: not even one sample at once fits, or the batch cannot be halved further.
    """
    accumulate = 1
    while True:
        trainer = Trainer.build(recipe, dataset, replace(run, accumulate=accumulate))
        short = _short(trainer)
        if not run.ranks.any(short is not None):
            return trainer
        if recipe.batch // run.ranks.count < 2 * accumulate:
            raise short or OutOfMemoryError("another process has not enough memory for a sample")
        accumulate *= 2
        del trainer
        if run.device.type == "cuda":
            torch.cuda.empty_cache()


def _short(trainer: Trainer) -> OutOfMemoryError | None:
    """What a step at its deepest, which leaves no trace, says of memory; None where it fits."""
    recipe, unroll = trainer.recipe, trainer.recipe.unroll
    deep = replace(recipe, streaming=None, unroll=unroll if isinstance(unroll, Fixed) else Fixed(unroll.high))
    optimiser: list[Any] = []
    try:
        with memory_errors(), torch.random.fork_rng(), kept_statistics(trainer.network):
            copies = 1 if recipe.optimizer.name == "sgd" else 2  # what the optimiser will keep
            optimiser += [torch.zeros_like(p) for p in trainer.network.parameters() for _ in range(copies)]
            trainer.network.train()
            plan = plan_step(deep, max(recipe.pretrain.steps, recipe.freeze))
            trainer.loss(trainer.batch(0), plan).total(plan).backward()
    except OutOfMemoryError as error:
        return error
    finally:
        optimiser.clear()
        trainer.network.zero_grad(set_to_none=True)
    return None
