"""The depth head: the logarithm of every pixel's depth."""

import math

import torch
from torch import Tensor

from streamdeq.latent import Latent
from streamdeq.tasks.dense import DenseHead, resize

#: What an output of 0 means, so that a new head begins somewhere in a street.
TYPICAL_M = 10.0


class DepthHead(DenseHead):
    """Latent → maps (B, 1, H/4, W/4) of ln(depth / 10 m)."""

    def __init__(self, channels: tuple[int, ...], features: int | None = None) -> None:
        super().__init__(channels, 1, features)

    def losses(self, z: Latent, depth_m: Tensor) -> dict[str, Tensor]:
        """Mean absolute difference of the logarithms, over the labelled pixels of (B, H, W); NaN is not labelled."""
        maps = resize(self(z).float(), (depth_m.shape[1], depth_m.shape[2]))[:, 0]
        labelled = ~depth_m.isnan()
        wanted = torch.where(labelled, depth_m / TYPICAL_M, 1.0).log()
        total = torch.where(labelled, (maps - wanted).abs(), 0.0).sum()
        return {"log_depth": total / labelled.sum().clamp(min=1)}


def metres(maps: Tensor) -> Tensor:
    """What the head's maps mean; nothing nearer than 1 cm or farther than 10 km."""
    return TYPICAL_M * maps.clamp(math.log(1e-3), math.log(1e3)).exp()
