"""The loss of a label map: weighted cross-entropy over all labelled pixels, or over the hard ones.

Legend: B rows, K classes, H×W pixels.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from streamdeq.errors import StreamdeqError


@dataclass(frozen=True)
class Ohem:
    """Online hard example mining (Shrivastava et al. 2016) as HRNet's and MDEQ's OhemCrossEntropy does it per pixel.

    A pixel is hard when the network gives its class a probability below max(`threshold`, the (`kept` + 1)-th smallest
    probability among the labelled pixels): those below the threshold, and never fewer than `kept`. The loss is the mean
    over them of the cross-entropy times the class's weight, over the number of pixels, not of weights.

    The pixels compete within what is computed at once: over the batch divided among processes, as published.
    """

    threshold: float = 0.9
    kept: int = 131_072

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= 1:
            raise StreamdeqError(f"recipe: ohem.threshold must be in (0, 1]; got {self.threshold}")
        if self.kept < 1:
            raise StreamdeqError(f"recipe: ohem.kept must be at least 1; got {self.kept}")

    def __call__(self, logits: Tensor, labels: Tensor, ignore_index: int, class_weights: Tensor | None) -> Tensor:
        """Logits (B, K, H, W) and labels (B, H, W) → a scalar."""
        labels = labels.long()
        labelled = labels != ignore_index
        # Per pixel −log p without the weight, so that one softmax serves the choice and the loss.
        surprise = F.cross_entropy(logits, labels, ignore_index=ignore_index, reduction="none")[labelled]
        if surprise.numel() == 0:
            return 0 * logits.sum()
        probability = (-surprise.detach()).exp()
        last = probability.kthvalue(min(self.kept, probability.numel() - 1) + 1).values
        hard = ~(probability >= last.clamp(min=self.threshold))  # what is not a number is hard: nobody shall miss it
        if class_weights is not None:
            surprise = surprise * class_weights[labels[labelled]]
        return torch.where(hard, surprise, 0).sum() / hard.sum().clamp(min=1)


def weighted_mean(logits: Tensor, labels: Tensor, ignore_index: int, class_weights: Tensor | None) -> Tensor:
    """Cross-entropy of logits (B, K, H, W), averaged over the labelled pixels with their classes' weights."""
    # All pixels ignored would be 0/0: an empty crop then contributes nothing instead of NaN.
    total = F.cross_entropy(logits, labels.long(), weight=class_weights, ignore_index=ignore_index, reduction="sum")
    return total / total_weight(labels, ignore_index, class_weights).clamp(min=1e-6)


def total_weight(labels: Tensor, ignore_index: int, class_weights: Tensor | None) -> Tensor:
    """What `weighted_mean` divides by: the labelled pixels, each counted with its class's weight."""
    if class_weights is None:
        return (labels != ignore_index).sum()
    # Counted, not looked up pixel by pixel: a batch of Cityscapes' crops has 12 million.
    counts = torch.bincount(labels.flatten(), minlength=max(len(class_weights), ignore_index + 1))
    counts[ignore_index] = 0
    return (counts[: len(class_weights)] * class_weights.double()).sum().to(class_weights.dtype)
