"""Mean intersection over union from one confusion matrix over a whole split.

The definition of Cityscapes: pixels whose target is ignored do not count at all; IoU = TP / (TP + FP + FN) of a
class; the mean is over the classes that occur, in target or prediction.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from streamdeq.errors import StreamdeqError


class ConfusionMatrix:
    """Counts `(target, prediction)` of pixels: `counts` is (classes + 1, classes + 1) int64.

    The last column counts predictions that are no class: a miss for the target's class and for nobody a false
    positive. The last row stays empty, as pixels without a target do not count.
    """

    def __init__(self, classes: int, ignore_index: int = 255) -> None:
        self.classes, self.ignore_index = classes, ignore_index
        self.counts = torch.zeros(classes + 1, classes + 1, dtype=torch.int64)

    def update(self, labels: np.ndarray | Tensor, target: np.ndarray | Tensor) -> None:
        """Add pictures: predicted and true class indices, equal shapes, any number of axes."""
        labels, target = torch.as_tensor(labels).long().cpu(), torch.as_tensor(target).long().cpu()
        if labels.shape != target.shape:
            raise StreamdeqError(
                f"expected labels of the target's size {tuple(target.shape)}, got {tuple(labels.shape)}; resize them"
            )
        counted = target != self.ignore_index
        labels, target = labels[counted], target[counted]
        if target.numel() and not 0 <= int(target.min()) <= int(target.max()) < self.classes:
            raise StreamdeqError(
                f"expected targets 0..{self.classes - 1} or {self.ignore_index}, "
                f"got {int(target.min())}..{int(target.max())}; check the data set"
            )
        labels = torch.where((labels >= 0) & (labels < self.classes), labels, self.classes)
        side = self.classes + 1
        self.counts += torch.bincount(target * side + labels, minlength=side * side).view(side, side)

    def __getstate__(self) -> dict[str, Any]:
        """With an array in the place of the tensor, as files of partial results hold it."""
        return vars(self) | {"counts": self.counts.numpy()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state | {"counts": torch.from_numpy(state["counts"].copy())})

    def merge(self, other: "ConfusionMatrix") -> None:
        """Add what another matrix counted, of another process or part of the split."""
        self.counts += other.counts

    @property
    def iou(self) -> Tensor:
        """`(classes,)` float64 in 0…1; NaN for a class that is neither in a target nor in a prediction."""
        counts = self.counts.double()
        hit = counts.diagonal()[: self.classes]
        union = counts[: self.classes].sum(1) + counts[:, : self.classes].sum(0) - hit
        return hit / union  # 0/0 is the NaN that is meant

    @property
    def miou(self) -> float:
        """Mean over the classes that occur, in points 0…100; NaN when nothing was counted."""
        return 100 * float(self.iou.nanmean())
