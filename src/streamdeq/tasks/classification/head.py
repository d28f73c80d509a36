"""The classification head: every scale widened, from the highest down into one vector."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.models.layers import fold_batchnorm
from streamdeq.registry import unknown

#: A bottleneck's output has this many times its inner channels.
WIDEN = 4
#: The factor of what a teacher's vectors add to the loss: of the size of the cross-entropy of some hundred classes.
FEATURES = 4.0


@dataclass(frozen=True)
class Widths:
    """The head's own sizes, which the backbone does not fix; `ModelSpec.head` holds them by these names.

    Args:
        head_channels: inner channels of every scale's bottleneck, highest resolution first.
        final_channels: length of the vector that is classified.
        features: length of a teacher's vector, which is told from the same one in training alone; 0 for none.
    """

    head_channels: tuple[int, ...]
    final_channels: int = 2048
    features: int = 0

    @staticmethod
    def published(channels: tuple[int, ...]) -> "Widths":
        """Small 24/48/96/192, Large and XL 32/64/128/256; narrower backbones in Small's proportion."""
        return Widths(tuple(max(1, min(3 * c // 4, 32 * 2**i)) for i, c in enumerate(channels)))

    @staticmethod
    def read(given: Mapping[str, Any], channels: tuple[int, ...]) -> "Widths":
        """The published widths with what is given instead.

        Raises:
            StreamdeqError: a setting that does not exist, or not one width per scale.
        """
        default = Widths.published(channels)
        for name in given:
            if name not in vars(default):
                raise StreamdeqError(unknown("setting of the classification head", name, list(vars(default))))
        head = tuple(given.get("head_channels", default.head_channels))
        if len(head) != len(channels):
            raise StreamdeqError(f"head_channels must be one width per scale ({len(channels)}); got {len(head)}")
        return Widths(head, given.get("final_channels", default.final_channels), given.get("features", 0))


class ClassificationHead(nn.Module):
    """Published: a bottleneck per scale; from the highest scale down conv3×3/2 – BN – ReLU, added to the next scale's;
    conv1×1 – BN – ReLU – mean over the picture – linear. Parameters are named as in the authors' release.
    """

    def __init__(self, channels: tuple[int, ...], classes: int, widths: Widths) -> None:
        super().__init__()
        inner, final = widths.head_channels, widths.final_channels
        self.incre_modules = nn.ModuleList(
            nn.Sequential(Bottleneck(c, h)) for c, h in zip(channels, inner, strict=True)
        )
        self.downsamp_modules = nn.ModuleList(_down(WIDEN * a, WIDEN * b) for a, b in pairwise(inner))
        self.final_layer = nn.Sequential(
            nn.Conv2d(WIDEN * inner[-1], final, 1), nn.BatchNorm2d(final, momentum=0.1), nn.ReLU()
        )
        self.classifier = nn.Linear(final, classes)
        self.features = nn.Linear(final, widths.features) if widths.features else None

    def forward(self, z: Latent) -> Tensor:
        """Latent → logits (B, classes)."""
        return self.classifier(self._vector(z))

    def _vector(self, z: Latent) -> Tensor:
        """(B, final_channels)."""
        wide = [widen(m) for widen, m in zip(self.incre_modules, z.maps, strict=True)]
        total = wide[0]
        for down, m in zip(self.downsamp_modules, wide[1:], strict=True):
            total = m + down(total)
        return self.final_layer(total).mean(dim=(2, 3))

    def losses(self, z: Latent, targets: Tensor, class_weights: Tensor | None = None) -> dict[str, Tensor]:
        """Cross-entropy against class indices (B,); and with a teacher's vectors behind them, (B, 1 + D), how far those
        are from what is told of them, 1 less the cosine of the angle between, times `FEATURES`."""
        vector = self._vector(z)
        classes = (targets if targets.ndim == 1 else targets[:, 0]).long()
        losses = {"cross_entropy": F.cross_entropy(self.classifier(vector).float(), classes, weight=class_weights)}
        if self.features is not None and targets.ndim == 2:
            alike = F.cosine_similarity(self.features(vector).float(), targets[:, 1:].float(), dim=1)
            losses["features"] = FEATURES * (1 - alike).mean()
        return losses

    def fold(self) -> None:
        """Bake every BatchNorm into the convolution before it, in place: inference only."""
        for widen in self.incre_modules:
            widen[0].fold()  # type: ignore[index, operator]
        for layers in (*self.downsamp_modules, self.final_layer):
            _fold_pair(layers)  # type: ignore[arg-type]


class Bottleneck(nn.Module):
    """conv1×1 – BN – ReLU – conv3×3 – BN – ReLU – conv1×1 – BN, + shortcut, ReLU; these three BNs are without affine.

    The shortcut is a conv1×1 – BN with affine, or nothing where the widths agree.
    """

    def __init__(self, inputs: int, inner: int) -> None:
        super().__init__()
        outputs = WIDEN * inner
        self.conv1 = nn.Conv2d(inputs, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner, momentum=0.1, affine=False)
        self.conv2 = nn.Conv2d(inner, inner, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner, momentum=0.1, affine=False)
        self.conv3 = nn.Conv2d(inner, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs, momentum=0.1, affine=False)
        self.downsample: nn.Sequential | None = None
        if inputs != outputs:
            shortcut = nn.Conv2d(inputs, outputs, 1, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(outputs, momentum=0.1))

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return F.relu(out + (x if self.downsample is None else self.downsample(x)))

    def fold(self) -> None:
        for conv, norm in (("conv1", "bn1"), ("conv2", "bn2"), ("conv3", "bn3")):
            before, after = getattr(self, conv), getattr(self, norm)
            if isinstance(after, nn.BatchNorm2d):
                setattr(self, conv, fold_batchnorm(before, after))
                setattr(self, norm, nn.Identity())
        if self.downsample is not None:
            _fold_pair(self.downsample)


def _down(inputs: int, outputs: int) -> nn.Sequential:
    """conv3×3/2 with bias – BN – ReLU."""
    conv = nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs, momentum=0.1), nn.ReLU())


def _fold_pair(layers: nn.Sequential) -> None:
    """Fold a BatchNorm at 1 into the convolution at 0."""
    conv, norm = layers[0], layers[1]
    if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
        layers[0], layers[1] = fold_batchnorm(conv, norm), nn.Identity()
