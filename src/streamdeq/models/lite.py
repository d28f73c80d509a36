"""A cheaper cell with the interface of MDEQ's.

Per scale depthwise 5×5 and two pointwise convolutions instead of two full 3×3; between scales one way down and one way
up through neighbours instead of a path for every pair, so that one application still carries every scale to every
other. Legend: B rows, C channels, scale i has 1/2^i of the highest resolution.
"""

from collections.abc import Callable
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.models.cells import CELLS, Block, Cell, Injection, PostFuse, Up, bind_scales
from streamdeq.models.layers import WeightNormConv2d, conv_same


class DepthwiseBlock(Block):
    """depthwise 5×5 – GN – conv1×1 (C → eC) – ReLU – conv1×1 (eC → C).

    The wide middle has no norm: it would cost as much as the convolutions around it.
    """

    def __init__(self, width: int, arch: Architecture) -> None:
        super().__init__()
        hidden = width * arch.expansion
        self.dropout = arch.dropout
        self.depthwise = WeightNormConv2d(1, width, 5)
        self.gn1 = nn.GroupNorm(arch.groups, width)
        self.expand = WeightNormConv2d(width, hidden, 1)
        self.reduce = WeightNormConv2d(hidden, width, 1)
        self.gn2 = nn.GroupNorm(arch.groups, width)
        self.gn3 = nn.GroupNorm(arch.groups, width)

    def kernels(self) -> tuple[Tensor, ...]:
        return self.depthwise.kernel(), self.expand.kernel(), self.reduce.kernel()

    def convolve(self, z: Tensor, *kernels: Tensor) -> Tensor:
        around, expand, reduce = kernels
        out = self.gn1(conv_same(z, around))
        return conv_same(F.relu_(conv_same(out, expand)), reduce)


class Halve(nn.Module):
    """To the next coarser scale: mean of 2×2 – conv1×1 – GN."""

    def __init__(self, inputs: int, outputs: int, groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 1, bias=False)
        self.gnorm = nn.GroupNorm(groups, outputs)
        nn.init.normal_(self.conv.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        return self.gnorm(self.conv(F.avg_pool2d(x, 2)))


@CELLS.register("lite")
class LiteCell(Cell):
    """A depthwise block per scale, then a pass down and a pass up whose sum is fused as in MDEQ's cell."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        widths, groups = arch.channels, arch.groups
        self.blocks = nn.ModuleList(DepthwiseBlock(c, arch) for c in widths)
        self.downs = nn.ModuleList(Halve(fine, coarse, groups) for fine, coarse in pairwise(widths))
        self.ups = nn.ModuleList(Up(coarse, fine, 1, groups) for fine, coarse in pairwise(widths))
        self.posts = nn.ModuleList(PostFuse(c, arch) for c in (widths if len(widths) > 1 else ()))

    def bind(self, injection: Injection) -> Callable[[Latent], Latent]:
        return bind_scales(self.blocks, self.posts, self._mix, injection)

    def _mix(self, maps: list[Tensor]) -> list[Tensor]:
        """Every scale plus what comes down to it from all finer and up from all coarser ones."""
        down = [maps[0]]
        for m, halve in zip(maps[1:], self.downs, strict=True):
            down.append(m + halve(down[-1]))
        totals, above = [down[-1]], maps[-1]
        for i in reversed(range(len(maps) - 1)):
            raised = self.ups[i](above)
            totals.append(down[i] + raised)
            above = maps[i] + raised
        return totals[::-1]
