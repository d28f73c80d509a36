"""Where and how a recipe runs, and what a run says of each of its steps."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from streamdeq.data.base import Dataset
from streamdeq.models.zoo import RUN_WEIGHTS
from streamdeq.training.checkpoint import Scoring
from streamdeq.training.guard import Limits
from streamdeq.training.options import EVAL_EVERY, TrainOptions
from streamdeq.training.parallel import Division, Ranks

BEST, WEIGHTS = RUN_WEIGHTS


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
        reported: the split that the weights are shown on when they are done, `validation` or what that is a part of;
            None for no such report.
        scoring: how a user would say that, for a run that is taken up again.
        report: called after every step.
        scored: called with every line of the log about a score.
        say: told what is worth a line.
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
    validate_every: int = EVAL_EVERY
    reported: Dataset | None = None
    scoring: Scoring = field(default_factory=Scoring)
    report: Callable[[StepRecord], None] = lambda record: None
    scored: Callable[[dict[str, Any]], None] = lambda line: None
    say: Callable[[str], None] = lambda line: None
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
