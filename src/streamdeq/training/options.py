"""How a run of a recipe is started, as one value of plain types; what decides the weights is the recipe's."""

from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError
from streamdeq.training.guard import Limits

#: Steps between scores, where nobody says.
EVAL_EVERY = 500


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What a user says of a training run beside its recipe; a run that is resumed remembers its data."""

    data: Annotated[str | None, Option("The data set to train on.", metavar="DIR|synthetic")] = None
    allow_outside: Annotated[bool, Option("The data set's files may name others that do not lie below it.")] = False
    task: Annotated[str, Option("Which task, where a folder has labels for several.", metavar="TASK")] = ""
    out: Annotated[
        Path | None,
        Option(
            "The run's folder; default runs/RECIPE-SEED, or without a recipe a new one of runs/DATA.", metavar="DIR"
        ),
    ] = None
    resume: Annotated[Path | None, Option("Go on with the run in this folder.", metavar="DIR")] = None
    init: Annotated[
        str | None,
        Option(
            "Weights, of any task, to begin with; none for random ones. Without a recipe: fine-tuned.",
            metavar="NAME|FILE",
        ),
    ] = None
    seed: Annotated[int | None, Option("Seed of the run.", least=0)] = None
    epochs: Annotated[
        float | None, Option("How often each picture is seen, instead of steps=N.", expects="a number above 0")
    ] = None
    eval_split: Annotated[
        str | None,
        Option(
            "Score on this split while training; without a recipe it is found or made; none for none.", metavar="SPLIT"
        ),
    ] = None
    eval_every: Annotated[
        int | None, Option("How often; default 500, without a recipe ten times a run.", metavar="STEPS", least=1)
    ] = None
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
        if self.epochs is not None and not 0 < self.epochs < 1e6:
            raise StreamdeqError(f"--epochs: expected a number above 0, got {self.epochs}")
        if not self.checkpoint_every >= 0:  # NaN is not, either
            raise StreamdeqError(f"--checkpoint-every: expected seconds, 0 or more, got {self.checkpoint_every}")
