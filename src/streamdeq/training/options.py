"""How a run of a recipe is started, as one value of plain types; what decides the weights is the recipe's."""

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError
from streamdeq.training.guard import Limits


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What a user says of a training run beside its recipe; a run that is resumed remembers its data."""

    data: Annotated[str | None, Option("The data set to train on.", metavar="DIR|synthetic")] = None
    allow_outside: Annotated[bool, Option("The data set's files may name others that do not lie below it.")] = False
    out: Annotated[Path | None, Option("The run's folder; default runs/RECIPE-SEED.", metavar="DIR")] = None
    resume: Annotated[Path | None, Option("Go on with the run in this folder.", metavar="DIR")] = None
    init: Annotated[
        str | None, Option("Weights, of any task, to begin with instead of random ones.", metavar="NAME|FILE")
    ] = None
    seed: Annotated[int | None, Option("Seed of the run.", least=0)] = None
    eval_split: Annotated[str | None, Option("Score on this split while training.", metavar="SPLIT")] = None
    eval_every: Annotated[int, Option("How often.", metavar="STEPS", least=1)] = 500
    patience: Annotated[
        int, Option("End the run after so many scores in a row without a better one; 0: never.", least=0)
    ] = 0
    tensorboard: Annotated[bool, Option("Write the log's numbers for TensorBoard too (extra tensorboard).")] = False
    checkpoint_every: Annotated[
        float, Option("Time between checkpoints.", metavar="SECONDS", expects="seconds, 0 or more")
    ] = 180.0
    threads: Annotated[int | None, Option("CPU threads.", least=1)] = None
    accumulate: Annotated[
        int | None, Option("Compute each batch in N parts, to save memory; batch=auto finds out.", least=1)
    ] = 1

    workers: Annotated[
        int | None,
        Option("Processes that read and augment; default: a thread, or with a GPU every core.", least=0),
    ] = None
    dry_loader: Annotated[bool, Option("Measure how fast samples are made, and train nothing.")] = False
    guard: Limits = field(default_factory=Limits)
    plan: Annotated[bool, Option("Show what the recipe costs in operations and memory, and train nothing.")] = False

    def __post_init__(self) -> None:
        if self.tensorboard and find_spec("tensorboard") is None:
            raise StreamdeqError("--tensorboard needs TensorBoard: pip install 'streamdeq[tensorboard]'")
        if self.patience and not self.eval_split:
            raise StreamdeqError("--patience: expected --eval-split, whose scores it waits for, got none")
        if not self.checkpoint_every >= 0:  # NaN is not, either
            raise StreamdeqError(f"--checkpoint-every: expected seconds, 0 or more, got {self.checkpoint_every}")
