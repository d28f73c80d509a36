"""The cell f(z; x): the one shallow block whose fixed point is the representation.

A cell is *bound* to an injection before a solve: normalised kernels are evaluated and dropout masks drawn once,
so that every application within the solve is the same function. Legend: B rows, C channels, scale i has 1/2^i of
the highest resolution.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.models.layers import WeightNormConv2d, conv_same
from streamdeq.registry import Registry

#: One map per scale; None where a scale gets nothing.
Injection = tuple[Tensor | None, ...]


class Cell(nn.Module, ABC):
    """A weight-tied block over all scales."""

    @abstractmethod
    def bind(self, injection: Injection) -> Callable[[Latent], Latent]:
        """Fix what is constant over a solve and return f: Latent → Latent."""

    def fold(self) -> None:
        """Bake what training needs and inference does not into plain kernels, in place."""
        for parent in list(self.modules()):
            for name, child in list(parent.named_children()):
                if isinstance(child, WeightNormConv2d):
                    setattr(parent, name, child.folded())


class CellFactory(Protocol):
    def __call__(self, arch: Architecture, /) -> Cell: ...


CELLS: Registry[CellFactory] = Registry("cell")


class Block(nn.Module, ABC):
    """One scale by itself: kernels – dropout – + injection – GN – + input – ReLU – GN."""

    dropout: float
    gn2: nn.GroupNorm
    gn3: nn.GroupNorm

    @abstractmethod
    def kernels(self) -> tuple[Tensor, ...]:
        """What is fixed for the length of a solve; the last one's outputs are the scale's."""

    @abstractmethod
    def convolve(self, z: Tensor, *kernels: Tensor) -> Tensor: ...

    def bind(self, rows: int, injection: Tensor | None) -> Callable[[Tensor], Tensor]:
        kernels = self.kernels()
        mask = dropout_mask(rows, kernels[-1], self.dropout) if self.training and self.dropout else None

        def block(z: Tensor) -> Tensor:
            out = self.convolve(z, *kernels)
            if mask is not None:
                out = out * mask
            if injection is not None:
                out = out + injection
            return self.gn3(F.relu_(self.gn2(out) + z))

        return block


class ResidualBlock(Block):
    """conv3×3 – GN – ReLU – conv3×3."""

    def __init__(self, width: int, arch: Architecture) -> None:
        super().__init__()
        hidden = width * arch.expansion
        self.dropout = arch.dropout
        self.conv1 = WeightNormConv2d(width, hidden, 3)
        self.gn1 = nn.GroupNorm(arch.groups, hidden)
        self.conv2 = WeightNormConv2d(hidden, width, 3)
        self.gn2 = nn.GroupNorm(arch.groups, width)
        self.gn3 = nn.GroupNorm(arch.groups, width)

    def kernels(self) -> tuple[Tensor, ...]:
        return self.conv1.kernel(), self.conv2.kernel()

    def convolve(self, z: Tensor, *kernels: Tensor) -> Tensor:
        expand, reduce = kernels
        return conv_same(F.relu_(self.gn1(conv_same(z, expand))), reduce)


def dropout_mask(rows: int, kernel: Tensor, probability: float) -> Tensor:
    """Variational dropout: `(rows, C, 1, 1)`, kept channels scaled by 1/(1 − p)."""
    keep = torch.rand(rows, kernel.shape[0], 1, 1, device=kernel.device) >= probability
    return keep.to(kernel.dtype) / (1 - probability)


class ConvNorm(nn.Module):
    """conv – GN without bias; published as `conv`, `gnorm`."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int, groups: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)
        self.gnorm = nn.GroupNorm(groups, outputs)
        nn.init.normal_(self.conv.weight, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        return self.gnorm(self.conv(x))


class Up(nn.Module):
    """From a coarser scale: conv1×1 – GN – nearest ×2^k."""

    def __init__(self, inputs: int, outputs: int, octaves: int, groups: int) -> None:
        super().__init__()
        self.net = ConvNorm(inputs, outputs, 1, 1, groups)
        self.factor = 2**octaves

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(self.net(x), scale_factor=self.factor, mode="nearest")


class Down(nn.Module):
    """From a finer scale: k × (conv3×3/2 – GN), ReLU between; the width changes at the last."""

    def __init__(self, inputs: int, outputs: int, octaves: int, groups: int) -> None:
        super().__init__()
        widths = [inputs] * octaves + [outputs]
        self.net = nn.Sequential(*(ConvNorm(a, b, 3, 2, groups) for a, b in pairwise(widths)))

    def forward(self, x: Tensor) -> Tensor:
        for i, layer in enumerate(self.net):
            x = layer(x if i == 0 else F.relu_(x))
        return x


class PostFuse(nn.Module):
    """ReLU – conv1×1 – GN on the sum of all scales."""

    def __init__(self, width: int, arch: Architecture) -> None:
        super().__init__()
        self.conv = WeightNormConv2d(width, width, 1)
        self.gnorm = nn.GroupNorm(arch.groups // 2, width, affine=arch.post_affine)


def bind_scales(
    blocks: Iterable[Any],
    posts: Iterable[Any],
    mix: Callable[[list[Tensor]], Iterable[Tensor]],
    injection: Injection,
) -> Callable[[Latent], Latent]:
    """f of a cell that has a block per scale, mixes all scales into a sum for each, and ends each in its post layer; a
    single scale has none and is its block's output."""
    rows = next(x for x in injection if x is not None).shape[0]
    bound = [block.bind(rows, x) for block, x in zip(blocks, injection, strict=True)]
    ends = [(post.gnorm, post.conv.kernel()) for post in posts]

    def f(z: Latent) -> Latent:
        maps = [block(m) for block, m in zip(bound, z.maps, strict=True)]
        if not ends:
            return Latent(tuple(maps))
        sums = zip(ends, mix(maps), strict=True)
        return Latent(tuple(norm(conv_same(F.relu(total), kernel)) for (norm, kernel), total in sums))

    return f


class Branch(nn.Module):
    """One scale. The list of one block is there for the published parameter names (`blocks.0`)."""

    def __init__(self, width: int, arch: Architecture) -> None:
        super().__init__()
        self.blocks = nn.ModuleList([ResidualBlock(width, arch)])


@CELLS.register("mdeq")
class MDEQCell(Cell):
    """The cell of MDEQ and StreamDEQ: a residual block per scale, then every scale is fused into every other.

    A single scale has neither fusion nor post layer. Parameters are named as in the authors' release.
    """

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        self.branches = nn.ModuleList(Branch(c, arch) for c in arch.channels)
        scales = range(len(arch.channels)) if len(arch.channels) > 1 else range(0)
        self.fuse_layers = nn.ModuleList(
            nn.ModuleList(self._path(source, target, arch) for source in scales) for target in scales
        )
        self.post_fuse_layers = nn.ModuleList(PostFuse(arch.channels[i], arch) for i in scales)

    @staticmethod
    def _path(source: int, target: int, arch: Architecture) -> nn.Module:
        widths = arch.channels[source], arch.channels[target]
        if source == target:
            return nn.Identity()
        if source > target:
            return Up(*widths, source - target, arch.groups)
        return Down(*widths, target - source, arch.groups)

    def bind(self, injection: Injection) -> Callable[[Latent], Latent]:
        blocks = [branch.blocks[0] for branch in self.branches]  # type: ignore[union-attr, index]
        return bind_scales(blocks, self.post_fuse_layers, self._sums, injection)

    def _sums(self, maps: list[Tensor]) -> Iterator[Tensor]:
        for target, paths in enumerate(self.fuse_layers):
            total = maps[target]
            for source, path in enumerate(paths):  # type: ignore[arg-type]
                if source != target:
                    total = total + path(maps[source])
            yield total
