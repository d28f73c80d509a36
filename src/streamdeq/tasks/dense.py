"""The head of tasks that answer for every pixel: all scales at the highest resolution, two 1×1 convolutions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from streamdeq.codec import from_plain
from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.models.layers import fold_batchnorm

#: Several times what any published head has: more is a mistake, or an attack on the memory.
MOST_FEATURES = 8192


@dataclass(frozen=True)
class DenseSettings:
    """What such a head leaves open; `ModelSpec.head` holds it by these names.

    Args:
        features: channels between its two convolutions; None for the sum of all scales' channels, as published, which
            at the highest resolution costs as much as an application of `f`.
    """

    features: int | None = None

    def __post_init__(self) -> None:
        if self.features is not None and not 1 <= self.features <= MOST_FEATURES:
            raise StreamdeqError(f"head.features must be none or 1 to {MOST_FEATURES}; got {self.features}")

    @staticmethod
    def read(given: Mapping[str, Any]) -> "DenseSettings":
        """The published settings with what is given instead, as JSON values.

        Raises:
            StreamdeqError: a setting that does not exist.
        """
        return from_plain(DenseSettings, dict(given), "setting of the head")


class DenseHead(nn.Module):
    """Published: resize every scale bilinearly to the highest (align_corners), concatenate, conv1×1 – BN – ReLU –
    conv1×1.

    Computed here in an exact cheaper form: a 1×1 convolution commutes with bilinear resizing (both are linear, one
    over channels, one over pixels, and the weights of a pixel's neighbours sum to 1), so each scale is convolved at
    its own size first and the results are added: for the published widths 8 times fewer operations.
    """

    def __init__(self, channels: tuple[int, ...], outputs: int, features: int | None = None) -> None:
        super().__init__()
        features = features or sum(channels)
        self.channels = channels
        self.last_layer = nn.Sequential(
            nn.Conv2d(sum(channels), features, 1),
            nn.BatchNorm2d(features, momentum=0.01),
            nn.ReLU(),
            nn.Conv2d(features, outputs, 1),
        )

    def forward(self, z: Latent) -> Tensor:
        """Latent → maps (B, outputs, H/4, W/4)."""
        first = self.last_layer[0]
        kernels = first.weight.split(self.channels, dim=1)  # type: ignore[union-attr, operator]
        total = F.conv2d(z.maps[0], kernels[0], first.bias)  # type: ignore[arg-type]
        for m, kernel in zip(z.maps[1:], kernels[1:], strict=True):
            total = total + resize(F.conv2d(m, kernel), (total.shape[2], total.shape[3]))
        return self.last_layer[1:](total)

    def fold(self) -> None:
        """Bake BatchNorm into the first convolution, in place: inference only."""
        conv, norm = self.last_layer[0], self.last_layer[1]
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            self.last_layer[0], self.last_layer[1] = fold_batchnorm(conv, norm), nn.Identity()


def resize(x: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """Bilinear, corners aligned, as published."""
    return F.interpolate(x, size=size_hw, mode="bilinear", align_corners=True)
