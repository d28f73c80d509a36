"""The segmentation head: a logit per class and pixel."""

from torch import Tensor

from streamdeq.latent import Latent
from streamdeq.tasks.dense import DenseHead, resize
from streamdeq.tasks.segmentation.loss import Ohem, weighted_mean


class SegmentationHead(DenseHead):
    """Latent → logits (B, classes, H/4, W/4)."""

    def losses(
        self,
        z: Latent,
        labels: Tensor,
        ignore_index: int = 255,
        class_weights: Tensor | None = None,
        ohem: Ohem | None = None,
    ) -> dict[str, Tensor]:
        """Cross-entropy of the logits resized to the labels (B, H, W), over all pixels or, with `ohem`, the hard ones;
        those of `ignore_index` do not count."""
        logits = resize(self(z).float(), (labels.shape[1], labels.shape[2]))
        return {"cross_entropy": (ohem or weighted_mean)(logits, labels, ignore_index, class_weights)}
