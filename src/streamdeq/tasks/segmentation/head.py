"""The segmentation head: all scales at the highest resolution, two 1×1 convolutions. Knows no label file."""

import torch.nn.functional as F
from torch import Tensor, nn

from streamdeq.latent import Latent
from streamdeq.models.layers import fold_batchnorm
from streamdeq.tasks.segmentation.loss import Ohem, weighted_mean


class SegmentationHead(nn.Module):
    """Published: resize every scale bilinearly to the highest (align_corners), concatenate, conv1×1 – BN – ReLU –
    conv1×1.

    Computed here in an exact cheaper form: a 1×1 convolution commutes with bilinear resizing (both are linear, one
    over channels, one over pixels, and the weights of a pixel's neighbours sum to 1), so each scale is convolved at
    its own size first and the results are added: for the published widths 8 times fewer operations.
    """

    def __init__(self, channels: tuple[int, ...], classes: int) -> None:
        super().__init__()
        width = sum(channels)
        self.channels = channels
        self.last_layer = nn.Sequential(
            nn.Conv2d(width, width, 1),
            nn.BatchNorm2d(width, momentum=0.01),
            nn.ReLU(),
            nn.Conv2d(width, classes, 1),
        )

    def forward(self, z: Latent) -> Tensor:
        """Latent → logits (B, classes, H/4, W/4)."""
        first = self.last_layer[0]
        kernels = first.weight.split(self.channels, dim=1)  # type: ignore[union-attr, operator]
        total = F.conv2d(z.maps[0], kernels[0], first.bias)  # type: ignore[arg-type]
        for m, kernel in zip(z.maps[1:], kernels[1:], strict=True):
            total = total + resize(F.conv2d(m, kernel), (total.shape[2], total.shape[3]))
        return self.last_layer[1:](total)

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

    def fold(self) -> None:
        """Bake BatchNorm into the first convolution, in place: inference only."""
        conv, norm = self.last_layer[0], self.last_layer[1]
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            self.last_layer[0], self.last_layer[1] = fold_batchnorm(conv, norm), nn.Identity()


def resize(x: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Bilinear, corners aligned, as published."""
    return F.interpolate(x, size=size_hw, mode="bilinear", align_corners=True)
