"""Training augmentation of one instance: its crop, moved, scaled, turned and mirrored.

Legend: K points, S side of the crop in pixels.
"""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from streamdeq.data.augment.colour import Jitter
from streamdeq.values.geometry import Geometry, Window
from streamdeq.values.keypoints import Keypoints

#: As published: how much larger than the box a crop is, than that of half a body, and how many samples are turned.
PADDING, HALF_PADDING, TURNED = 1.25, 1.5, 0.6
#: What of a body is its upper half, by words in a point's name.
UPPER = ("shoulder", "elbow", "wrist", "neck", "head", "thorax", "nose", "eye", "ear")


@dataclass(frozen=True)
class PoseCrop:
    """From a frame and its key points to a crop of one instance, (3, S, S), and its points.

    Args:
        side: S.
        names: of the points.
        mirrored: pairs of points that change places in a mirror, as indices.
        scale_range: the instance is so much larger in the crop than at inference, log-uniform.
        rotation: largest turn in degrees.
        flip, half_body: probabilities.
        scale_deviation, rotation_deviation: in place of the range and the rotation, as `Augment` says.
    """

    side: int
    names: tuple[str, ...] = ()
    mirrored: tuple[tuple[int, int], ...] = ()
    scale_range: tuple[float, float] = (1.0, 1.0)
    rotation: float = 0.0
    flip: float = 0.0
    half_body: float = 0.0
    jitter: Jitter = field(default_factory=lambda: Jitter(0.0, 0.0, 0.0, 0.0))
    scale_deviation: float = 0.0
    rotation_deviation: float = 0.0

    def __call__(
        self, image: np.ndarray, target: Keypoints, rng: np.random.Generator
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """A visible instance of the frame by chance: (3, S, S) uint8, points (K, 2) in its pixels, weights (K,).

        Of a frame that shows none, all of it, with weights of 0.
        """
        seen = np.flatnonzero(target.visible.any(axis=1))
        one = target[[int(rng.choice(seen))]] if len(seen) else self._nobody(image)
        box, padding = self._box(one, rng)
        padding /= self._scale(rng)
        turn = math.radians(self._rotation(rng)) if rng.uniform() < TURNED else 0.0
        mirrored = rng.uniform() < self.flip

        pixels, points = self._cut(image, one.xy[0].astype(np.float64), box, padding, turn)
        pixels = self.jitter(pixels, rng)
        visible = one.visible[0].copy()
        if mirrored:
            pixels = pixels.flip(-1)
            points[:, 0] = self.side - 1 - points[:, 0]
            for a, b in self.mirrored:
                points[[a, b]], visible[[a, b]] = points[[b, a]], visible[[b, a]]
        inside = ((points >= -0.5) & (points <= self.side - 0.5)).all(axis=1)
        weights = torch.from_numpy((visible & inside).astype(np.float32))
        return pixels.contiguous(), (torch.from_numpy(points.astype(np.float32)), weights)

    def _scale(self, rng: np.random.Generator) -> float:
        """How much larger than at inference the instance is in the crop."""
        if self.scale_deviation:
            low, high = 1 - self.scale_deviation, 1 + self.scale_deviation
            return 1 / float(np.clip(rng.normal(1, self.scale_deviation), low, high))
        return float(np.exp(rng.uniform(*np.log(self.scale_range))))

    def _rotation(self, rng: np.random.Generator) -> float:
        """In degrees."""
        if self.rotation_deviation:
            most = 2 * self.rotation_deviation
            return float(np.clip(rng.normal(0, self.rotation_deviation), -most, most))
        return rng.uniform(-self.rotation, self.rotation)

    def _nobody(self, image: np.ndarray) -> Keypoints:
        points = np.zeros((1, len(self.names), 2), np.float32)
        whole = np.array([[0, 0, image.shape[1], image.shape[0]]], np.float32)
        return Keypoints(points, np.zeros(points.shape[:2], bool), whole)

    def _box(self, one: Keypoints, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        """What the crop is around, and how much larger it is than that."""
        upper = np.array([any(word in name for word in UPPER) for name in self.names], bool)
        wanted, top = rng.uniform() < self.half_body, rng.uniform() < 0.5
        if wanted and len(upper):
            xy = one.xy[0][one.visible[0] & (upper if top else ~upper)]
            if len(xy) > 2 and np.ptp(xy, axis=0).max() > 1:
                return np.concatenate([xy.min(axis=0), xy.max(axis=0)]), HALF_PADDING
        return one.boxes_xyxy[0], PADDING

    def _cut(
        self, image: np.ndarray, xy: np.ndarray, box: np.ndarray, padding: float, turn: float
    ) -> tuple[Tensor, np.ndarray]:
        """The crop, turned by `turn` radians, and the points (K, 2) in it.

        Cut with a margin for the corners, scaled with anti-aliasing as at inference, and turned last, at that scale.
        """
        margin = abs(math.sin(turn)) + abs(math.cos(turn))
        wide = math.ceil(self.side * margin) if turn else self.side
        window = Window.around(box, padding * wide / self.side)
        pixels = torch.from_numpy(np.ascontiguousarray(window.cut(image))).permute(2, 0, 1)[None]
        pixels = F.interpolate(pixels, size=(wide, wide), mode="bilinear", antialias=True)
        frame_hw = (image.shape[0], image.shape[1])
        points = Geometry(frame_hw, (wide, wide), (wide, wide), window).to_canvas(xy)
        if not turn:
            return pixels[0], points
        cos, sin = math.cos(turn), math.sin(turn)
        points = (points - (wide - 1) / 2) @ np.array([[cos, sin], [-sin, cos]]) + (self.side - 1) / 2
        return self._turned(pixels, cos, sin), points

    def _turned(self, pixels: Tensor, cos: float, sin: float) -> Tensor:
        """(3, S, S) uint8: the middle of (1, 3, W, W), turned."""
        share = self.side / pixels.shape[3]
        matrix = torch.tensor([[[cos * share, sin * share, 0.0], [-sin * share, cos * share, 0.0]]])
        grid = F.affine_grid(matrix, [1, 3, self.side, self.side], align_corners=False)
        return F.grid_sample(pixels.float(), grid, align_corners=False)[0].round_().clamp_(0, 255).to(torch.uint8)
