"""The answer of picture classification."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown
from streamdeq.tasks.base import Result, check_array
from streamdeq.values.numbers import check_number


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Classification(Result):
    """A score for every class.

    Args:
        scores: (K,) float32 in 0–1, summing to 1.
        classes: class names.
    """

    scores: np.ndarray
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        check_array("scores", self.scores, ("K",), np.float32)
        if len(self.scores) != len(self.classes):
            raise ValueError(f"one score per class; got {len(self.scores)} for {len(self.classes)} classes")
        if self.scores.min() < 0 or self.scores.max() > 1:
            raise ValueError(f"scores must be in 0–1; got {self.scores.min()}…{self.scores.max()}")

    def order(self) -> np.ndarray:
        """(K,) class indices, the best first; of equal scores the lower index."""
        return np.argsort(-self.scores, kind="stable")

    @property
    def label(self) -> str:
        """The best class."""
        return self.classes[int(self.order()[0])]

    def top(self, count: int = 5) -> tuple[tuple[str, float], ...]:
        """The best classes with their scores, the best first. No mapping: ImageNet has two classes named `crane`."""
        check_number("count", count, whole=True, least=1)
        return tuple((self.classes[k], float(self.scores[k])) for k in self.order()[:count])

    COLUMNS = ("class", "score")

    def rows(self) -> list[dict[str, Any]]:
        """The best first."""
        return [{"class": self.classes[k], "score": float(self.scores[k])} for k in self.order()]

    def summary(self) -> str:
        return ", ".join(f"{100 * score:.0f} % {name}" for name, score in self.top(3))

    @property
    def names(self) -> list[str]:
        """The best class."""
        return [self.label]

    def score(self, name: str) -> float:
        """The score of one class."""
        if name not in self.classes:
            raise StreamdeqError(unknown("class", name, list(self.classes)))
        return float(self.scores[self.classes.index(name)])

    def change_from(self, before: "Classification") -> float:
        """The share of the scores that has moved to other classes (total variation)."""
        return float(np.abs(self.scores - before.scores).sum() / 2)
