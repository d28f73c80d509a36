"""Accuracy over a whole split."""

import math

from streamdeq.errors import StreamdeqError
from streamdeq.tasks.base import Metric
from streamdeq.tasks.classification.result import Classification


class Accuracy(Metric):
    """The share of frames whose class is the best (top-1), or among the five best (top-5), in points 0–100.

    Of equal scores the lower index comes first. NaN when nothing was counted.
    """

    name = "top-1"

    def __init__(self, classes: int) -> None:
        self.classes = classes
        self.count = 0
        self.hits = {1: 0, 5: 0}

    def update(self, result: Classification, target: int) -> None:
        """Add a frame of class index `target`."""
        target = int(target)
        if not 0 <= target < self.classes:
            raise StreamdeqError(f"expected a class index 0..{self.classes - 1}, got {target}; check the data set")
        place = result.order().tolist().index(target)
        self.count += 1
        for k in self.hits:
            self.hits[k] += place < k

    def merge(self, other: "Accuracy") -> None:
        self.count += other.count
        for k, hits in other.hits.items():
            self.hits[k] += hits

    def compute(self) -> dict[str, float]:
        return {f"top-{k}": 100 * hits / self.count if self.count else math.nan for k, hits in self.hits.items()}
