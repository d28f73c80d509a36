"""The two pose heads: heat maps at a quarter of the canvas, from the coarsest scale or from all."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torch.utils import _pytree as pytree

from streamdeq.latent import Latent
from streamdeq.models.layers import fold_batchnorm
from streamdeq.tasks.pose.heatmaps import gaussians, to_maps


@dataclass(frozen=True, eq=False)
class Joints:
    """What a batch is trained on: points (B, K, 2) in canvas pixels, weights (B, K), 0 where nothing is labelled."""

    points: Tensor
    weights: Tensor


pytree.register_pytree_node(
    Joints,
    lambda joints: ([joints.points, joints.weights], None),
    lambda parts, _: Joints(*parts),
    serialized_type_name="streamdeq.Joints",
)


class PoseHead(nn.Module, ABC):
    """Latent → heat maps (B, K, H/4, W/4).

    Args:
        sigma: of the targets, map pixels.
    """

    def __init__(self, sigma: float) -> None:
        super().__init__()
        self.sigma = sigma

    @abstractmethod
    def fold(self) -> None:
        """Bake BatchNorm into the convolutions before it, in place: inference only."""

    def losses(self, z: Latent, targets: Joints) -> dict[str, Tensor]:
        """Half the mean squared error of every map, times its point's weight squared, averaged over rows and points
        (Xiao et al. 2018, Simple Baselines)."""
        maps = self(z).float()
        wanted = gaussians(to_maps(targets.points), (maps.shape[2], maps.shape[3]), self.sigma)
        weights = targets.weights.float()[..., None, None]
        return {"heatmaps": 0.5 * ((maps - wanted) * weights).square().mean()}


class SimpleHead(PoseHead):
    """Published: three 4×4/2 deconvolutions – BN – ReLU on the coarsest of four scales, then a 1×1 convolution.

    One deconvolution per scale that is finer, so that the maps have a quarter of the canvas's size.
    """

    def __init__(self, channels: tuple[int, ...], points: int, width: int, sigma: float) -> None:
        super().__init__(sigma)
        layers: list[nn.Module] = []
        inputs = channels[-1]
        for _ in channels[1:]:
            up = nn.ConvTranspose2d(inputs, width, 4, stride=2, padding=1, bias=False)
            nn.init.normal_(up.weight, std=0.001)
            layers += [up, nn.BatchNorm2d(width, momentum=0.1), nn.ReLU()]
            inputs = width
        self.deconvolutions = nn.Sequential(*layers)
        self.final_layer = final_layer(inputs, points)

    def forward(self, z: Latent) -> Tensor:
        return self.final_layer(self.deconvolutions(z.maps[-1]))

    def fold(self) -> None:
        layers = self.deconvolutions
        for k in range(0, len(layers), 3):
            up, norm = layers[k], layers[k + 1]
            if isinstance(norm, nn.BatchNorm2d):
                layers[k] = fuse_conv_bn_eval(up.eval(), norm.eval(), transpose=True)  # type: ignore[type-var]
                layers[k + 1] = nn.Identity()


class FusedHead(PoseHead):
    """Every scale through a 1×1 convolution, resized bilinearly to the highest and summed – BN – ReLU – conv3×3 – BN –
    ReLU – conv1×1.

    (As in segmentation, convolving first and resizing then is resizing, concatenating and convolving, and cheaper.)
    """

    def __init__(self, channels: tuple[int, ...], points: int, width: int, sigma: float) -> None:
        super().__init__(sigma)
        self.scales = nn.ModuleList(nn.Conv2d(c, width, 1, bias=k == 0) for k, c in enumerate(channels))
        self.norm = nn.BatchNorm2d(width, momentum=0.1)
        self.mix = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width, momentum=0.1), nn.ReLU()
        )
        self.final_layer = final_layer(width, points)

    def forward(self, z: Latent) -> Tensor:
        size = (z.maps[0].shape[2], z.maps[0].shape[3])
        total = self.scales[0](z.maps[0])
        for m, scale in zip(z.maps[1:], self.scales[1:], strict=True):  # type: ignore[arg-type]
            total = total + F.interpolate(scale(m), size=size, mode="bilinear", align_corners=False)
        return self.final_layer(self.mix(F.relu(self.norm(total))))

    def fold(self) -> None:
        if isinstance(self.norm, nn.BatchNorm2d):
            # The sum's norm is a factor and a shift per channel: the factor goes to every summand, the shift to one.
            factor = self.norm.weight / (self.norm.running_var + self.norm.eps).sqrt()  # type: ignore[operator]
            shift = self.norm.bias - self.norm.running_mean * factor  # type: ignore[operator]
            for scale in self.scales:
                scale.weight.data *= factor.detach()[:, None, None, None]  # type: ignore[union-attr, operator]
            first = self.scales[0]
            first.bias.data = (first.bias * factor + shift).detach()  # type: ignore[union-attr, operator]
            self.norm = nn.Identity()
        if isinstance(self.mix[1], nn.BatchNorm2d):
            self.mix[0], self.mix[1] = fold_batchnorm(self.mix[0], self.mix[1]), nn.Identity()  # type: ignore[arg-type]


def final_layer(inputs: int, points: int) -> nn.Conv2d:
    """As published, maps begin near zero."""
    layer = nn.Conv2d(inputs, points, 1)
    nn.init.normal_(layer.weight, std=0.001)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


DESIGNS: dict[str, type[SimpleHead] | type[FusedHead]] = {"simple": SimpleHead, "fused": FusedHead}
