"""The frame before a still picture, made up: what a model is shown in training instead of video."""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from streamdeq.data.augment.colour import Jitter


@dataclass(frozen=True)
class Motion:
    """How much a picture differs from the frame before it.

    Args:
        shift: standard deviation of the camera's shift, in sides of the picture.
        zoom: of the logarithm of its zoom.
        turn: of its turn, degrees.
        jitter: change of colours.
        objects: at most so many pieces of the picture moved by themselves.
        stray: standard deviation of a piece's own shift, in sides of the picture.
    """

    shift: float = 0.04
    zoom: float = 0.03
    turn: float = 1.0
    jitter: Jitter = field(default_factory=lambda: Jitter(0.1, 0.1, 0.1, 0.0))
    objects: int = 2
    stray: float = 0.06

    def __call__(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        """From `image` (3, h, w) uint8 to the frame before, of the same size; the border is drawn out."""
        for _ in range(int(rng.integers(0, self.objects + 1))):
            image = self._move_piece(image, rng)
        return self.jitter(self._move_camera(image, rng), rng)

    def _move_camera(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        h, w = image.shape[1:]
        angle, scale = math.radians(self.turn * rng.standard_normal()), math.exp(self.zoom * rng.standard_normal())
        right, down = 2 * self.shift * rng.standard_normal(2)  # a side is 2 long to grid_sample
        cos, sin = scale * math.cos(angle), scale * math.sin(angle)
        # Coordinates are in half sides: the turn is of pixels, so the aspect enters its off-diagonal entries.
        place = torch.tensor([[[cos, -sin * h / w, right], [sin * w / h, cos, down]]], dtype=torch.float32)
        grid = F.affine_grid(place, [1, 3, h, w], align_corners=False)
        moved = F.grid_sample(image[None].float(), grid, "bilinear", "border", align_corners=False)
        return moved[0].round_().to(torch.uint8)

    def _move_piece(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        """An ellipse of the picture, an eighth to a third of its sides, was somewhere else."""
        sides = np.array(image.shape[1:])
        size = np.maximum(1, (rng.uniform(1 / 8, 1 / 3, 2) * sides).astype(int))
        here = (rng.uniform(0, 1, 2) * (sides - size)).astype(int)
        there = np.clip(here + self.stray * rng.standard_normal(2) * sides, 0, sides - size).astype(int)
        (h, w), (y, x), (v, u) = size, here, there
        rows = torch.linspace(-1, 1, int(h))[:, None]
        inside = rows**2 + torch.linspace(-1, 1, int(w)) ** 2 <= 1
        before = image.clone()
        before[:, v : v + h, u : u + w] = torch.where(
            inside, image[:, y : y + h, x : x + w], image[:, v : v + h, u : u + w]
        )
        return before
