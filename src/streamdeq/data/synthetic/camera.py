"""Metres to pixels: a camera that looks along a bending street.

Pixel (column i, row j) covers [i, i + 1) x [j, j + 1). The street's bend is a parabola in the camera's frame:
what is `d` metres ahead is shifted sideways by bend / 2 * d^2, and the ground is shaded with the same shift.
"""

from dataclasses import dataclass

import numpy as np

from streamdeq.data.synthetic.shapes import Point

NEAR_M = 0.5
"""What is closer than this to the camera's plane is cut off."""


@dataclass(frozen=True)
class Camera:
    """`x`, `height`, `z` in m; `focal`, `horizon` (row), `size_hw` in pixels; `bend` in 1/m; `heading` in rad."""

    x: float
    height: float
    z: float
    focal: float
    horizon: float
    size_hw: tuple[int, int]
    bend: float
    heading: float

    def project(self, points: np.ndarray) -> np.ndarray:
        """Columns and rows (N, 2) of world points (N, 3), which must be at least `NEAR_M` ahead."""
        ahead = points[:, 2] - self.z
        sideways = points[:, 0] - self.x + 0.5 * self.bend * ahead**2
        columns = 0.5 * self.size_hw[1] + self.focal * sideways / ahead
        rows = self.horizon + self.focal * (self.height - points[:, 1]) / ahead
        return np.stack((columns, rows), axis=1)

    def ground(self) -> tuple[np.ndarray, np.ndarray, int]:
        """Where the pixels below the horizon lie on the ground: x (R, W), metres ahead (R, 1), first row."""
        height, width = self.size_hw
        first = min(height, max(0, int(np.ceil(self.horizon))))
        rows = np.arange(first, height, dtype=np.float32)[:, None] + 0.5
        ahead = (self.focal * self.height / np.maximum(rows - self.horizon, 0.25)).astype(np.float32)
        columns = np.arange(width, dtype=np.float32)[None] + 0.5 - 0.5 * width
        return columns * ahead / self.focal + (self.x - 0.5 * self.bend * ahead**2), ahead, first

    def may_see(self, x: float, z: float, radius: float) -> bool:
        """Whether something within `radius` of (x, z) can be in the picture, however tall."""
        ahead = z - self.z + radius
        reach = 0.5 * self.size_hw[1] / self.focal * ahead + radius
        return ahead > NEAR_M and abs(x - self.eye_x(z)) < reach

    def eye_x(self, z: float) -> float:
        """The x at which a thing at `z` would stand straight ahead: tells which of its sides is seen."""
        return self.x - 0.5 * self.bend * (z - self.z) ** 2


def clip_near(points: list[Point], z: float) -> list[Point]:
    """The part of a polygon beyond the plane at `z`."""
    kept: list[Point] = []
    for a, b in zip(points[-1:] + points[:-1], points, strict=True):
        if (a[2] < z) != (b[2] < z):
            share = (z - a[2]) / (b[2] - a[2])
            kept.append((a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1]), z))
        if b[2] >= z:
            kept.append(b)
    return kept
