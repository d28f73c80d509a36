"""What to evaluate, as one value of plain types."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown
from streamdeq.streaming.options import RuntimeName, SolverName, StartFrom, StartName, StartSource, WorkingSize

#: Iteration counts of single frames. Those that are streamed are added, which are what streaming gains on, and that of
#: the model's description, which is the baseline.
SINGLE_FRAME = (1, 2, 4, 8, 14, 20, 27)
USUAL_OFFSETS = (0, 1, 2, 5, 10, 20)


PopulationName = Annotated[
    Literal["all", "common"] | None,
    Option(
        "Which labelled frames count: all, where fewer than the offset came before after those, or the ones that have "
        "enough for every offset. Default: all for boxes and key points, as their evaluations do."
    ),
]


@dataclass(frozen=True)
class Settings:
    """What to evaluate: how many `iterations` per frame, in the paper's sense, and how many frames (`offsets`) between
    the start of streaming and the scored frame. No answer depends on `batch`.

    Args:
        start: where streaming starts, and `start_from` which data `other` starts from (another clip if None).
        clips, frames_per_clip: so many at random, the same ones for the same `seed`; None for all.
    """

    iterations: Annotated[tuple[int, ...], Option("Iteration counts to try.", short="-n", least=1)] = (1, 2, 4, 8)
    offsets: tuple[int, ...] = USUAL_OFFSETS
    solver: SolverName = None
    size: WorkingSize = None
    runtime: RuntimeName = "eager"
    batch: Annotated[int, Option("Rows computed together.", least=1)] = 8
    continuous: Annotated[bool, Option("Also stream through whole clips, never starting from zeros again.")] = False
    start: StartName = StartFrom.PREVIOUS
    start_from: StartSource = None
    population: PopulationName = None
    clips: Annotated[int | None, Option("Score so many clips, drawn at random.", least=1)] = None
    frames_per_clip: Annotated[int | None, Option("Score so many frames of a clip, drawn at random.", least=1)] = None
    seed: Annotated[int, Option("What is drawn at random depends on it.", least=0)] = 0

    def __post_init__(self) -> None:
        for name, values, least in (("iterations", self.iterations, 1), ("offsets", self.offsets, 0)):
            if not values or min(values) < least or len(set(values)) < len(values):
                raise StreamdeqError(f"{name}: expected different whole numbers of at least {least}, got {values}")
        if self.batch < 1:
            raise StreamdeqError(f"batch: expected at least 1 row, got {self.batch}")
        for name, value, fewest in (
            ("clips", self.clips, 1),
            ("frames_per_clip", self.frames_per_clip, 1),
            ("seed", self.seed, 0),
        ):
            if value is not None and value < fewest:
                raise StreamdeqError(f"{name}: expected at least {fewest}, got {value}")
        if self.start not in tuple(StartFrom):
            raise StreamdeqError(unknown("start", self.start, list(StartFrom)))
        if self.population not in (None, "all", "common"):
            raise StreamdeqError(unknown("population", self.population, ["all", "common"]))
        if self.start_from is not None and self.start != StartFrom.OTHER:
            raise StreamdeqError(f"--start-from goes with the start 'other'; got {self.start}")

    def single_counts(self, baseline: int) -> tuple[int, ...]:
        """The iteration counts of the single-frame rows, ascending; `baseline` is one of them."""
        return tuple(sorted({*SINGLE_FRAME, *self.iterations, baseline}))


@dataclass(frozen=True)
class Sharing:
    """How processes share an evaluation: by a folder of partial results."""

    parts: Annotated[
        Path | None, Option("Keep partial results here, and go on from those that are there.", metavar="DIR")
    ] = None
    shard: Annotated[str | None, Option("Score only part I of N, into --parts.", metavar="I/N")] = None
