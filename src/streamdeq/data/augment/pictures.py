"""A picture and its label map or boxes, scaled, cut and mirrored by chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from streamdeq.data.augment.colour import Jitter
from streamdeq.data.base import IGNORE_INDEX

IMAGENET_MEAN_RGB = (124, 116, 104)
"""What normalisation turns into (almost) zero, as inference pads."""


@dataclass(frozen=True)
class View:
    """Where a sample looks: what is cut of a frame, how large that becomes, and whether it is mirrored."""

    rows: slice
    columns: slice
    size_hw: tuple[int, int]
    mirrored: bool

    def boxes(self, xyxy: np.ndarray) -> np.ndarray:
        """(N, 4) boxes in the frame's pixels → in the sample's, not clipped to it."""
        height, width = self.size_hw
        down = height / (self.rows.stop - self.rows.start)
        along = width / (self.columns.stop - self.columns.start)
        origin = np.array([self.columns.start, self.rows.start] * 2)
        moved = (xyxy - origin) * np.array([along, down] * 2)
        if self.mirrored:
            moved[:, [0, 2]] = width - moved[:, [2, 0]]
        return moved.astype(np.float32)


@dataclass(frozen=True)
class Augmentation:
    """Scale, crop, flip and colour.

    At scale 1 the picture's shorter side becomes `size` pixels, or less where the longer one would be more than
    `longest` (None: of any length); the scale is drawn log-uniformly from `scale_range`, or uniformly from its steps
    of `scale_step`, and a window of `crop_hw` is cut at a uniform place. Where the scaled picture is smaller than the
    window it sits top left, as at inference, and the rest is `fill` in the image and 255 in the target. Without
    `crop_hw` the sample is all of the scaled picture, its sides rounded up to multiples of `stride`. `flip` is the
    probability of a mirrored sample.
    """

    crop_hw: tuple[int, int] | None
    size: int
    scale_range: tuple[float, float] = (0.75, 2.0)
    flip: float = 0.5
    jitter: Jitter = field(default_factory=Jitter)
    fill: tuple[int, int, int] = IMAGENET_MEAN_RGB
    scale_step: float | None = None
    longest: int | None = None
    stride: int = 1

    def unchanged(self) -> "Augmentation":
        """Pictures as inference scales them, but for what the crop cuts off."""
        return replace(self, scale_range=(1.0, 1.0), scale_step=None, flip=0.0, jitter=Jitter(0.0, 0.0, 0.0, 0.0))

    def __call__(self, image: np.ndarray, target: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """From (H, W, 3) and (H, W) uint8 arrays of any size to (3, h, w) and (h, w) uint8 tensors."""
        view = self.view((target.shape[0], target.shape[1]), rng)
        return self.picture(image, view, rng), self.labels(target, view)

    def view(self, frame_hw: tuple[int, int], rng: np.random.Generator) -> View:
        """Drawn for a frame of this size."""
        factor = self.factor(frame_hw, self._scale(rng))
        height_crop, width_crop = self.crop_hw or (None, None)
        rows, height = _window(frame_hw[0], factor, height_crop, rng.uniform())
        columns, width = _window(frame_hw[1], factor, width_crop, rng.uniform())
        return View(rows, columns, (height, width), bool(rng.uniform() < self.flip))

    def factor(self, frame_hw: tuple[int, int], scale: float = 1.0) -> float:
        """How much larger than the frame the scaled picture is."""
        factor = self.size * scale / min(frame_hw)
        return factor if self.longest is None else min(factor, self.longest * scale / max(frame_hw))

    def canvas_hw(self, view: View) -> tuple[int, int]:
        """The size of a sample."""
        height, width = (-(-side // self.stride) * self.stride for side in view.size_hw)
        return self.crop_hw or (height, width)

    def picture(self, image: np.ndarray, view: View, rng: np.random.Generator) -> Tensor:
        """What the view shows of (H, W, 3) uint8, its colours changed: (3, h, w) uint8."""
        pixels = self.jitter(_picture(image[view.rows, view.columns], view.size_hw), rng)
        fill = torch.tensor(self.fill, dtype=torch.uint8)[:, None, None]
        return _padded(pixels.flip(-1) if view.mirrored else pixels, fill, self.canvas_hw(view))

    def labels(self, target: np.ndarray, view: View) -> Tensor:
        """What the view shows of (H, W) uint8: (h, w) uint8."""
        labels = _labels(target[view.rows, view.columns], view.size_hw)
        nothing = torch.full((1, 1, 1), IGNORE_INDEX, dtype=torch.uint8)
        return _padded(labels.flip(-1) if view.mirrored else labels, nothing, self.canvas_hw(view))[0]

    def _scale(self, rng: np.random.Generator) -> float:
        low, high = self.scale_range
        if self.scale_step is None:
            return float(np.exp(rng.uniform(*np.log(self.scale_range))))
        return low + self.scale_step * int(rng.integers(round((high - low) / self.scale_step) + 1))


@dataclass(frozen=True)
class AreaCrop:
    """A window of random area and aspect, stretched to `crop_hw`; flip and colour (Szegedy et al. 2015).

    Its area is a share of the picture's drawn uniformly from `area_range`, its aspect (width / height) log-uniformly
    from `aspect_range`; after ten draws that do not fit, it is the largest square in the middle.
    """

    crop_hw: tuple[int, int]
    area_range: tuple[float, float] = (0.08, 1.0)
    aspect_range: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.5
    jitter: Jitter = field(default_factory=Jitter)

    def __call__(self, image: np.ndarray, target: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """From (H, W, 3) and (H, W) uint8 arrays of any size to (3, h, w) and (h, w) uint8 tensors."""
        view = self.view((target.shape[0], target.shape[1]), rng)
        pixels, mirrored = self._cut(image, view, rng)
        labels = _labels(target[view], self.crop_hw)[0]
        return pixels, labels.flip(-1) if mirrored else labels

    def picture(self, image: np.ndarray, view: tuple[slice, slice], rng: np.random.Generator) -> Tensor:
        """The pixels alone."""
        return self._cut(image, view, rng)[0]

    def _cut(self, image: np.ndarray, view: tuple[slice, slice], rng: np.random.Generator) -> tuple[Tensor, bool]:
        pixels = self.jitter(_picture(image[view], self.crop_hw), rng)
        mirrored = bool(rng.uniform() < self.flip)
        return pixels.flip(-1) if mirrored else pixels, mirrored

    def view(self, frame_hw: tuple[int, int], rng: np.random.Generator) -> tuple[slice, slice]:
        """The window, rows and columns, drawn for a frame of this size."""
        height, width = frame_hw
        for _ in range(10):
            area = height * width * rng.uniform(*self.area_range)
            aspect = float(np.exp(rng.uniform(*np.log(self.aspect_range))))
            h, w = round(math.sqrt(area / aspect)), round(math.sqrt(area * aspect))
            if 0 < h <= height and 0 < w <= width:
                top, left = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
                return slice(top, top + h), slice(left, left + w)
        side = min(height, width)
        top, left = (height - side) // 2, (width - side) // 2
        return slice(top, top + side), slice(left, left + side)


def together(pictures: Sequence[Tensor]) -> Tensor:
    """(C, h, w) each → (B, C, h, w): each at the top left of the largest sides, the rest of `IMAGENET_MEAN_RGB`."""
    height, width = (max(picture.shape[axis] for picture in pictures) for axis in (1, 2))
    fill = torch.tensor(IMAGENET_MEAN_RGB, dtype=torch.uint8)[:, None, None]
    batch = torch.empty(len(pictures), len(fill), height, width, dtype=torch.uint8)
    for row, picture in zip(batch, pictures, strict=True):
        h, w = picture.shape[-2:]
        row[:, :h, :w] = picture
        row[:, h:], row[:, :h, w:] = fill, fill
    return batch


def _padded(part: Tensor, fill: Tensor, size_hw: tuple[int, int]) -> Tensor:
    """(C, h, w) at the top left of `size_hw`, the rest `fill` (C, 1, 1)."""
    height, width = part.shape[-2:]
    if (height, width) == size_hw:
        return part
    whole = torch.empty(*size_hw, len(part), dtype=part.dtype).permute(2, 0, 1)  # in memory as a picture is
    whole[:, :height, :width] = part
    whole[:, height:], whole[:, :height, width:] = fill, fill
    return whole


def _picture(window: np.ndarray, size_hw: tuple[int, int]) -> Tensor:
    """(3, h, w), cut before it is resized: the rest would be resized for nothing."""
    return _resized(_own(window).permute(2, 0, 1), size_hw, "bilinear")


def _labels(window: np.ndarray, size_hw: tuple[int, int]) -> Tensor:
    """(1, h, w)."""
    return _resized(_own(window)[None], size_hw, "nearest-exact")


def _own(window: np.ndarray) -> Tensor:
    """Copied where it must be: torch warns of arrays that it may not write to."""
    return torch.from_numpy(window if window.flags.writeable else window.copy())


def _resized(pixels: Tensor, size_hw: tuple[int, int], mode: str) -> Tensor:
    from torchvision.transforms import InterpolationMode  # brings torch's compiler along: 200 MB
    from torchvision.transforms.v2 import functional as tv

    return tv.resize(pixels, list(size_hw), InterpolationMode(mode), antialias=mode == "bilinear")


def _window(length: int, factor: float, crop: int | None, place: float) -> tuple[slice, int]:
    """One axis: which source pixels to cut, and how many pixels they become. `place` is in 0..1."""
    if crop is None or round(length * factor) <= crop:
        return slice(0, length), max(1, round(length * factor))
    taken = min(length, max(1, round(crop / factor)))
    start = round(place * (length - taken))
    return slice(start, start + taken), crop
