"""What to evaluate, as one value of plain types."""

from dataclasses import dataclass
from typing import Annotated

from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError
from streamdeq.streaming.options import RuntimeName, SolverName, WorkingSize

#: Iteration counts of the single-frame baseline. Those that are streamed are added: they are what streaming gains on.
SINGLE_FRAME = (1, 2, 4, 8, 14, 20, 27)
USUAL_OFFSETS = (0, 1, 2, 5, 10, 20)


@dataclass(frozen=True)
class Settings:
    """What to evaluate: how many `iterations` per frame, in the paper's sense, and how many frames (`offsets`) between
    the start from zeros and the scored frame. No answer depends on `batch`."""

    iterations: Annotated[tuple[int, ...], Option("Iteration counts to try.", short="-n", least=1)] = (1, 2, 4, 8)
    offsets: tuple[int, ...] = USUAL_OFFSETS
    solver: SolverName = None
    size: WorkingSize = None
    runtime: RuntimeName = "eager"
    batch: Annotated[int, Option("Rows computed together.", least=1)] = 8
    continuous: Annotated[bool, Option("Also stream through whole clips, never starting from zeros again.")] = False

    def __post_init__(self) -> None:
        for name, values, least in (("iterations", self.iterations, 1), ("offsets", self.offsets, 0)):
            if not values or min(values) < least or len(set(values)) < len(values):
                raise StreamdeqError(f"{name}: expected different whole numbers of at least {least}, got {values}")
        if self.batch < 1:
            raise StreamdeqError(f"batch: expected at least 1 row, got {self.batch}")

    @property
    def single_counts(self) -> tuple[int, ...]:
        """The iteration counts of the single-frame rows, ascending."""
        return tuple(sorted({*SINGLE_FRAME, *self.iterations}))
