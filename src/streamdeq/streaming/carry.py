"""What a row's latent becomes where its window is not where it was: left as it is, or moved with what it shows."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from streamdeq.latent import Latent
from streamdeq.values.geometry import Geometry

#: A latent, the geometry it belongs to and that of the next frame → the latent to begin that frame with.
Carry = Callable[[Latent, Geometry, Geometry], Latent]


def stay(z: Latent, before: Geometry, now: Geometry) -> Latent:
    """As it is: the next steps find out."""
    return z


@dataclass(frozen=True)
class Move:
    """Every map is sampled where the window saw what it sees now; `mode` and `padding` as `grid_sample` has them.

    Bilinear with the border's values beyond it costs least (docs/lab/log/2026-11-26-moving-crop.md).
    """

    mode: str = "bilinear"
    padding: str = "border"

    def __call__(self, z: Latent, before: Geometry, now: Geometry) -> Latent:
        if before.window is None or now.window is None or before.window == now.window:
            return z
        (sx, tx), (sy, ty) = now.seen_from(before)
        where = torch.tensor([[[sx, 0.0, tx], [0.0, sy, ty]]], dtype=torch.float64).to(z.maps[0])
        return z.map(lambda m: self._sample(m, where))

    def _sample(self, maps: Tensor, where: Tensor) -> Tensor:
        grid = F.affine_grid(where, [1, *maps.shape[1:]], align_corners=False).expand(maps.shape[0], -1, -1, -1)
        moved = F.grid_sample(maps, grid, self.mode, self.padding, align_corners=False)
        channels_last = maps.is_contiguous(memory_format=torch.channels_last)
        return moved.contiguous(memory_format=torch.channels_last) if channels_last else moved


#: What an engine does if nothing else is said.
MOVED = Move()
