"""How good depths are, over a whole split: AbsRel and δ<1.25, as Eigen et al. (2014) define them."""

import math
from typing import ClassVar

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.tasks.base import Metric
from streamdeq.tasks.depth.result import Depth

CLOSE = "δ<1.25"


class DepthMetric(Metric):
    """AbsRel, the mean of |depth − true| / true in per cent (the less, the better), and δ<1.25, the share of pixels
    whose depth and true depth have a ratio below 1.25 either way; over all labelled pixels of the split.

    NaN when nothing was counted.
    """

    name = "AbsRel"
    errors: ClassVar[tuple[str, ...]] = ("AbsRel",)

    def __init__(self) -> None:
        self.count, self.relative, self.close = 0, 0.0, 0

    def update(self, result: Depth, target: np.ndarray) -> None:
        """Add a frame whose true depth is (H, W) in metres, NaN where nobody knows it."""
        if result.depth_m.shape != target.shape:
            raise StreamdeqError(
                f"expected depth of the target's size {target.shape}, got {result.depth_m.shape}; resize it"
            )
        known = ~np.isnan(target)
        found, true = result.depth_m[known].astype(np.float64), target[known].astype(np.float64)
        if true.size and true.min() <= 0:
            raise StreamdeqError(f"expected depths above 0 m, got {true.min()}; check the data set")
        self.count += true.size
        self.relative += float((np.abs(found - true) / true).sum())
        self.close += int((np.maximum(found / true, true / found) < 1.25).sum())

    def merge(self, other: "DepthMetric") -> None:
        self.count += other.count
        self.relative += other.relative
        self.close += other.close

    def compute(self) -> dict[str, float]:
        figures = {self.name: self.relative, CLOSE: self.close}
        return {name: 100 * total / self.count if self.count else math.nan for name, total in figures.items()}
