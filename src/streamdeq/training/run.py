"""Where and how a recipe runs, and what a run says of each of its steps."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from streamdeq.data.base import Dataset
from streamdeq.training.guard import Limits
from streamdeq.training.options import TrainOptions
from streamdeq.training.parallel import Division, Ranks

WEIGHTS, BEST = "model.safetensors", "best.safetensors"


@dataclass(frozen=True)
class StepRecord:
    """One optimiser step; `step` counts from 1, `grad_norm` is before clipping, `ms` is without waiting for data.

    `loss` is the task's; `jacobian` the penalty and `distance` that to the model's own fixed point, both without their
    factor and None in a step without. `unrollings` are counted from `start`.
    """

    step: int
    loss: float
    lr: float
    grad_norm: float
    unrollings: int
    ms: float
    skipped: bool
    start: str = "zeros"
    jacobian: float | None = None
    distance: float | None = None

    def line(self) -> dict[str, Any]:
        """For the log."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class RunSettings:
    """Where and how a recipe runs: nothing in here changes the weights, but that BatchNorm and dropout see the parts
    into which a batch is divided.

    Args:
        folder: gets the checkpoint and the log.
        data: the data set as the user named it.
        checkpoint_every_s: seconds between checkpoints.
        validation: a labelled split to score on, every `validate_every` steps and at the end.
        report: called after every step.
        stop: asked after every step; true on any rank ends the run with a checkpoint.
        ranks: this process among those that train; the first alone writes and validates.
        accumulate: parts into which a rank's share of a batch is divided, to save memory; None is for `fitting`.
        workers: processes that prepare batches; 0 for a thread.
        limits: of a divergence.
        tensorboard: write what the log says for TensorBoard too.
        patience: the run ends after so many validations in a row without a better one; 0: never before its last step.
    """

    folder: Path
    data: str
    device: torch.device
    checkpoint_every_s: float = TrainOptions.checkpoint_every
    validation: Dataset | None = None
    validate_every: int = TrainOptions.eval_every
    report: Callable[[StepRecord], None] = lambda record: None
    stop: Callable[[], bool] = lambda: False
    ranks: Ranks = field(default_factory=Ranks)
    accumulate: int | None = TrainOptions.accumulate
    workers: int = 0
    limits: Limits = field(default_factory=Limits)
    patience: int = TrainOptions.patience
    tensorboard: bool = TrainOptions.tensorboard

    @property
    def division(self) -> Division:
        return Division(self.ranks, self.accumulate or 1)
