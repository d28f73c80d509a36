"""Accuracy over a whole split."""

import math

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.tasks.base import Confusion, Metric
from streamdeq.tasks.classification.result import Classification


class Accuracy(Metric):
    """The share of frames whose class is the best (top-1), or among the five best (top-5), in points 0–100.

    Of equal scores the lower index comes first. NaN when nothing was counted.
    """

    name = "top-1"

    def __init__(self, classes: int, names: tuple[str, ...] = ()) -> None:
        self.classes, self.names = classes, names
        self.pairs: dict[tuple[int, int], int] = {}  # (target, answer), how often
        self.count = 0
        self.hits = {1: 0, 5: 0}

    def update(self, result: Classification, target: int) -> None:
        """Add a frame of class index `target`."""
        target = int(target)
        if not 0 <= target < self.classes:
            raise StreamdeqError(f"expected a class index 0..{self.classes - 1}, got {target}; check the data set")
        order = result.order().tolist()
        place = order.index(target)
        self._add((target, order[0]), 1)
        self.count += 1
        for k in self.hits:
            self.hits[k] += place < k

    def merge(self, other: "Accuracy") -> None:
        self.count += other.count
        for pair, number in other.pairs.items():
            self._add(pair, number)
        for k, hits in other.hits.items():
            self.hits[k] += hits

    def _add(self, pair: tuple[int, int], number: int) -> None:
        self.pairs[pair] = self.pairs.get(pair, 0) + number

    def confusion(self) -> Confusion:
        counts = np.zeros((self.classes, self.classes), np.int64)
        for pair, number in self.pairs.items():
            counts[pair] = number
        names = self.names or tuple(map(str, range(self.classes)))
        return Confusion(counts, names, names, "pictures")

    def compute(self) -> dict[str, float]:
        return {f"top-{k}": 100 * hits / self.count if self.count else math.nan for k, hits in self.hits.items()}
