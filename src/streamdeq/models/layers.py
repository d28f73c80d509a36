"""The convolutions whose kernels are fixed for the length of a solve."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class WeightNormConv2d(nn.Module):
    """A convolution without bias, w = g · v / ‖v‖ per output channel, stored as `weight_g` and `weight_v`.

    It has no `forward`: a solve asks once for `kernel()` and convolves with that, because normalising in
    every application of `f` would cost time and draw the same graph again and again in training.
    """

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__()
        self.weight_g = nn.Parameter(torch.empty(outputs, 1, 1, 1))
        self.weight_v = nn.Parameter(torch.empty(outputs, inputs, size, size))
        nn.init.normal_(self.weight_v, std=0.01)  # as published: at first the injection outweighs the cell
        if not self.weight_v.is_meta:  # an outline has no values
            with torch.no_grad():
                self.weight_g.copy_(self._norm())

    def _norm(self) -> Tensor:
        return torch.linalg.vector_norm(self.weight_v, dim=(1, 2, 3), keepdim=True)

    def kernel(self) -> Tensor:
        """The normalised kernel (outputs, inputs, size, size)."""
        return self.weight_v * (self.weight_g / self._norm())

    def folded(self) -> "FixedConv2d":
        return FixedConv2d(self.kernel().detach())


class FixedConv2d(nn.Module):
    """What a weight-normalised convolution becomes for inference: the kernel itself."""

    def __init__(self, kernel: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(kernel, requires_grad=False)

    def kernel(self) -> Tensor:
        return self.weight

    def folded(self) -> "FixedConv2d":
        return self


def conv_same(x: Tensor, kernel: Tensor) -> Tensor:
    """Convolve with stride 1 and padding that keeps the size (odd kernels).

    A kernel of fewer inputs than `x` has channels is one of groups: `(C, 1, k, k)` is depthwise.
    """
    return F.conv2d(x, kernel, padding=kernel.shape[-1] // 2, groups=x.shape[1] // kernel.shape[1])


def fold_batchnorm(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """One convolution equal to `norm(conv(x))` with running statistics."""
    return nn.utils.fusion.fuse_conv_bn_eval(conv.eval(), norm.eval())
