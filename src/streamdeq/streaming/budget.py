"""How many steps a frame gets: pure policies over what was measured.

A budget is `init / stop / update` on a memory that the stream's state carries, so that it can be saved, moved and
forked: a dataclass of numbers, or None. The first step of a frame is always taken.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from streamdeq.errors import StreamdeqError
from streamdeq.values.status import Stop

#: Extra steps for a cut's frame that bring it within half a point of a stream without a cut, at one step a frame.
EXTRA = 3


@dataclass(frozen=True)
class Progress:
    """Where a frame stands when a budget is asked.

    Args:
        nfe: applications of `f` since the frame arrived.
        elapsed_s: seconds since the frame arrived.
        step_s, head_s: seconds the last step and, once it was read, the answer took.
        residual: reads the relative residual; on a GPU this waits for it, so only budgets that need it ask.
        change: reads how much of the decoded answer the last step changed, 0–1; costs an answer.
    """

    nfe: int
    elapsed_s: float
    step_s: float
    head_s: float
    residual: Callable[[], float]
    change: Callable[[], float]


class Budget(ABC):
    """Decides after every step whether a frame gets another one. A `timed` one wants the device waited for."""

    timed: ClassVar[bool] = False

    def init(self) -> Any:
        """The memory that a new stream starts with."""
        return None

    @abstractmethod
    def stop(self, memory: Any, progress: Progress) -> Stop | None:
        """Why the frame gets no further step, or None if it does."""

    def update(self, memory: Any, progress: Progress) -> Any:
        """What to remember after a frame was read."""
        return memory


@dataclass(frozen=True)
class FixedBudget(Budget):
    """The same number of applications of `f` for every frame. Reads nothing from the device."""

    evaluations: int

    def __post_init__(self) -> None:
        at_least_one(self.evaluations)

    def stop(self, memory: Any, progress: Progress) -> Stop | None:
        return Stop.ITERATIONS if progress.nfe >= self.evaluations else None


@dataclass(frozen=True)
class Threshold(Budget):
    """Until something that falls from step to step is at most `tolerance`; `floor` to `cap` applications of `f`."""

    tolerance: float
    cap: int
    floor: int = 1

    def __post_init__(self) -> None:
        at_least_one(self.floor)
        if not 0 < self.tolerance < 1:
            raise StreamdeqError(f"a tolerance must be between 0 and 1; got {self.tolerance}")
        if self.cap < self.floor:
            raise StreamdeqError(f"a budget's cap ({self.cap}) must not be below its floor ({self.floor})")

    @abstractmethod
    def measure(self, progress: Progress) -> float:
        """What falls. Asked after every step: some measures compare one step with the next."""

    def stop(self, memory: Any, progress: Progress) -> Stop | None:
        small = self.measure(progress) <= self.tolerance
        if progress.nfe >= self.cap:
            return Stop.ITERATIONS
        return Stop.TOLERANCE if small and progress.nfe >= self.floor else None


class ResidualTolerance(Threshold):
    """Until the relative residual of the last evaluated point is small."""

    def measure(self, progress: Progress) -> float:
        return progress.residual()


class AnswerTolerance(Threshold):
    """Until a step changes little of the decoded answer, as a share of it. Decodes after every step."""

    def measure(self, progress: Progress) -> float:
        return progress.change()


def at_least_one(evaluations: int) -> None:
    if evaluations < 1:
        raise StreamdeqError(f"a frame needs at least 1 iteration; got {evaluations}")
