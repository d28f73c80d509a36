"""Training augmentation of a picture and its label map. Knows no data set.

Everything random comes from one `numpy.random.Generator`, which the trainer seeds by (seed, step, sample):
that is what makes a resumed run equal to an uninterrupted one.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as tv

from streamdeq.data.base import IGNORE_INDEX
from streamdeq.errors import StreamdeqError

IMAGENET_MEAN_RGB = (124, 116, 104)
"""What normalisation turns into (almost) zero, as inference pads."""


@dataclass(frozen=True)
class Jitter:
    """Half-widths of the uniform ranges around "unchanged"; hue in turns of the colour wheel."""

    brightness: float = 0.3
    contrast: float = 0.3
    saturation: float = 0.3
    hue: float = 0.02

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 0 <= value <= 1:
                raise StreamdeqError(f"jitter: {name} must be in [0, 1]; got {value}")

    def __call__(self, image: Tensor, rng: np.random.Generator) -> Tensor:
        """`image` (3, H, W) uint8 with its colours changed."""
        factors = 1.0 + np.array((self.brightness, self.contrast, self.saturation)) * rng.uniform(-1, 1, 3)
        turn = self.hue * rng.uniform(-1, 1)
        image = tv.adjust_brightness(image, float(factors[0]))
        image = tv.adjust_contrast(image, float(factors[1]))
        image = tv.adjust_saturation(image, float(factors[2]))
        return turn_hue(image, turn) if self.hue else image


def turn_hue(image: Tensor, turn: float) -> Tensor:
    """Rotate the colours of `image` (3, H, W) uint8 about the grey axis; a third of a turn is a channel swap.

    Ten times as fast as torchvision's way through HSV, which takes 5 ms for 192x256.
    """
    cos, sin = math.cos(2 * math.pi * turn), math.sin(2 * math.pi * turn)
    same, left, right = ((1 + 2 * cos) / 3, (1 - cos) / 3 - sin / 3**0.5, (1 - cos) / 3 + sin / 3**0.5)
    rotation = torch.tensor([[same, left, right], [right, same, left], [left, right, same]])
    return (rotation @ image.flatten(1).float()).round_().clamp_(0, 255).to(torch.uint8).view_as(image)


@dataclass(frozen=True)
class Augmentation:
    """Scale, crop, flip and colour.

    At scale 1 the picture's shorter side becomes `size` pixels; the scale is drawn log-uniformly from
    `scale_range`, and a window of `crop_hw` is cut at a uniform place. Where the scaled picture is smaller
    than the window it sits top left, as at inference, and the rest is `fill` in the image and 255 in the
    target. `flip` is the probability of a mirrored sample.
    """

    crop_hw: tuple[int, int]
    size: int
    scale_range: tuple[float, float] = (0.75, 2.0)
    flip: float = 0.5
    jitter: Jitter = Jitter()
    fill: tuple[int, int, int] = IMAGENET_MEAN_RGB

    def __call__(self, image: np.ndarray, target: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """From (H, W, 3) and (H, W) uint8 arrays of any size to (3, h, w) and (h, w) uint8 tensors."""
        low, high = np.log(self.scale_range)
        factor = self.size * float(np.exp(rng.uniform(low, high))) / min(target.shape)
        rows, height = _window(target.shape[0], factor, self.crop_hw[0], rng.uniform())
        columns, width = _window(target.shape[1], factor, self.crop_hw[1], rng.uniform())
        mirrored = rng.uniform() < self.flip

        # The window is cut before it is resized: the rest of the picture would be resized for nothing.
        pixels = torch.from_numpy(image[rows, columns].copy()).permute(2, 0, 1)
        labels = torch.from_numpy(target[rows, columns].copy())[None]
        pixels = tv.resize(pixels, [height, width], InterpolationMode.BILINEAR, antialias=True)
        labels = tv.resize(labels, [height, width], InterpolationMode.NEAREST_EXACT)
        pixels = self.jitter(pixels, rng)
        if mirrored:
            pixels, labels = pixels.flip(-1), labels.flip(-1)
        return self._pad(pixels, labels)

    def _pad(self, pixels: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        height, width = labels.shape[-2:]
        if (height, width) == self.crop_hw:
            return pixels.contiguous(), labels[0].contiguous()
        image = torch.tensor(self.fill, dtype=torch.uint8)[:, None, None].repeat(1, *self.crop_hw)
        target = torch.full(self.crop_hw, IGNORE_INDEX, dtype=torch.uint8)
        image[:, :height, :width] = pixels
        target[:height, :width] = labels[0]
        return image, target


def _window(length: int, factor: float, crop: int, place: float) -> tuple[slice, int]:
    """One axis: which source pixels to cut, and how many pixels they become. `place` is in 0..1."""
    if round(length * factor) <= crop:
        return slice(0, length), max(1, round(length * factor))
    taken = min(length, max(1, round(crop / factor)))
    start = round(place * (length - taken))
    return slice(start, start + taken), crop
