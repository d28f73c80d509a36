"""How many steps a frame gets: pure policies over what was measured. Know no model and no clock of their own.

A budget is `init / more / update` on a value that the stream's state carries, so it can be saved, moved and forked.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streamdeq.errors import StreamdeqError


@dataclass(frozen=True)
class Progress:
    """Where a frame stands when a budget is asked.

    Args:
        nfe: applications of `f` since the frame arrived.
        residual: reads the row's relative residual; on a GPU this waits for it, so only budgets that need it ask.
    """

    nfe: int
    residual: Callable[[], float]


class Budget(ABC):
    """Decides after every step whether a frame gets another one. The first step is always taken."""

    def init(self) -> Any:
        """The value a new stream starts with."""
        return None

    @abstractmethod
    def more(self, value: Any, progress: Progress) -> bool:
        """Whether to take another step."""

    def update(self, value: Any, progress: Progress) -> Any:
        """The value after a frame is done."""
        return value


@dataclass(frozen=True)
class Fixed(Budget):
    """The same number of applications of `f` for every frame."""

    evaluations: int

    def __post_init__(self) -> None:
        if self.evaluations < 1:
            raise StreamdeqError(f"a frame needs at least 1 iteration; got {self.evaluations}")

    def more(self, value: None, progress: Progress) -> bool:
        return progress.nfe < self.evaluations


@dataclass(frozen=True)
class Converged(Budget):
    """Until the relative residual falls to `tolerance`, at most `cap` applications of `f`."""

    tolerance: float = 1e-3
    cap: int = 100

    def more(self, value: None, progress: Progress) -> bool:
        return progress.nfe < self.cap and not progress.residual() <= self.tolerance
