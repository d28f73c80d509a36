"""From a normalised picture to the injection.

Parameter names are the published ones (`downsample.*`, `stage0.*`), `pyramid.*` is ours; all live in the backbone.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

from streamdeq.models.layers import fold_batchnorm


def conv_bn_relu(inputs: int, outputs: int, size: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False),
        nn.BatchNorm2d(outputs, momentum=0.01),
        nn.ReLU(),
    ]


def downsample(width: int) -> nn.Sequential:
    """(B, 3, H, W) → (B, width, H/4, W/4)."""
    return nn.Sequential(*conv_bn_relu(3, width, 3, 2), *conv_bn_relu(width, width, 3, 2))


def stage0(width: int) -> nn.Sequential:
    return nn.Sequential(*conv_bn_relu(width, width, 1, 1))


def pyramid(widths: Sequence[int]) -> nn.ModuleList:
    """One layer per further scale: (B, widths[i], h, w) → (B, widths[i + 1], h/2, w/2)."""
    return nn.ModuleList(nn.Sequential(*conv_bn_relu(fine, coarse, 3, 2)) for fine, coarse in pairwise(widths))


def fold_sequential(layers: nn.Sequential) -> nn.Sequential:
    """The same function with every BatchNorm baked into the convolution before it."""
    folded: list[nn.Module] = []
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d) and folded and isinstance(folded[-1], nn.Conv2d):
            folded[-1] = fold_batchnorm(folded[-1], layer)
        else:
            folded.append(layer)
    return nn.Sequential(*folded)
