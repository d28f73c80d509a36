"""Points to Gaussian heat maps and back.

A heat map has a quarter of the canvas's size; 0 is the middle of the first pixel in both, so that a canvas point x lies
at (x + 0.5) / 4 - 0.5, and a mirrored picture has exactly the mirrored map. Legend: B rows, K points, (h, w) map.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

#: Canvas pixels per pixel of a map.
STRIDE = 4
#: Logarithms are taken of nothing smaller.
LEAST = 1e-10


def to_maps(points: Tensor) -> Tensor:
    """Canvas pixels → pixels of the heat map."""
    return (points + 0.5) / STRIDE - 0.5


def to_canvas(points: Tensor) -> Tensor:
    """Pixels of the heat map → canvas pixels."""
    return (points + 0.5) * STRIDE - 0.5


def gaussians(points: Tensor, size_hw: tuple[int, int], sigma: float) -> Tensor:
    """exp(-d² / 2σ²) around each of the points (B, K, 2) in map pixels: (B, K, h, w) float32, 1 on the point."""
    x = torch.arange(size_hw[1], device=points.device) - points[..., :1].float()
    y = torch.arange(size_hw[0], device=points.device) - points[..., 1:].float()
    across, down = (torch.exp(d.square() / (-2 * sigma**2)) for d in (x, y))
    return down[..., :, None] * across[..., None, :]


def peaks(maps: Tensor) -> tuple[Tensor, Tensor]:
    """The highest pixel of each map: (B, K, 2) float32 xy, and its value (B, K)."""
    values, places = maps.float().flatten(2).max(dim=2)
    width = maps.shape[3]
    return torch.stack([places % width, places // width], dim=2).float(), values


def quarter(maps: Tensor) -> Tensor:
    """The peak, moved a quarter of a pixel towards the higher of its two neighbours, per axis (Newell et al. 2016).

    A peak on the border stays where it is along that axis.
    """
    points, _ = peaks(maps)
    ahead, behind, inner = _neighbours(maps.float(), points)
    return points + 0.25 * torch.sign(ahead - behind) * inner


def dark(maps: Tensor, sigma: float) -> Tensor:
    """The peak and a Newton step to the maximum of the logarithm of the map, smoothed first (Zhang et al. 2020, DARK).

    Exact for a Gaussian, but for the smoothing's finite reach. Where the logarithm is not concave at the peak, or the
    step longer than a pixel, no step.
    """
    points, _ = peaks(maps)
    logs = _smoothed(maps.float(), sigma).clamp(min=LEAST).log()
    ahead, behind, inner = _neighbours(logs, points)
    here = _at(logs, points, 0, 0)
    gradient = (ahead - behind) / 2
    xx, yy = (ahead + behind - 2 * here[..., None]).unbind(-1)
    corners = [_at(logs, points, dx, dy) for dx, dy in ((1, 1), (-1, -1), (1, -1), (-1, 1))]
    xy = (corners[0] + corners[1] - corners[2] - corners[3]) / 4
    determinant = xx * yy - xy.square()
    gx, gy = gradient.unbind(-1)
    step = torch.stack([xy * gy - yy * gx, xy * gx - xx * gy], dim=-1) / determinant[..., None]
    # Concave: both eigenvalues of the second derivatives are below zero. Comparisons with NaN are false.
    usable = (determinant > 0) & (xx < 0) & inner.all(-1) & (step.abs() <= 1).all(-1)
    return torch.where(usable[..., None], points + step, points)


#: From heat maps (B, K, h, w) and the sigma they were trained with to points (B, K, 2) in map pixels.
DECODERS: dict[str, Callable[[Tensor, float], Tensor]] = {
    "dark": dark,
    "quarter": lambda maps, sigma: quarter(maps),
    "peak": lambda maps, sigma: peaks(maps)[0],
}


def _smoothed(maps: Tensor, sigma: float) -> Tensor:
    """Convolved with the targets' own Gaussian, and brought back to the height it had."""
    radius = max(1, round(2.5 * sigma))
    line = torch.arange(-radius, radius + 1, device=maps.device).float()
    kernel = torch.exp(line.square() / (-2 * sigma**2))
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    flat = maps.flatten(0, 1)[:, None]
    flat = F.conv2d(F.pad(flat, (radius, radius, 0, 0), mode="replicate"), kernel)
    flat = F.conv2d(F.pad(flat, (0, 0, radius, radius), mode="replicate"), kernel.transpose(2, 3))
    smooth = flat.view_as(maps)
    highest = smooth.amax(dim=(2, 3), keepdim=True).clamp(min=LEAST)
    return smooth * (maps.amax(dim=(2, 3), keepdim=True).clamp(min=LEAST) / highest)


def _neighbours(maps: Tensor, points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The values right and below, left and above the points, each (B, K, 2); and 1 where both of an axis exist."""
    ahead = torch.stack([_at(maps, points, 1, 0), _at(maps, points, 0, 1)], dim=-1)
    behind = torch.stack([_at(maps, points, -1, 0), _at(maps, points, 0, -1)], dim=-1)
    last = points.new_tensor((maps.shape[3] - 1, maps.shape[2] - 1))
    return ahead, behind, ((points > 0) & (points < last)).float()


def _at(maps: Tensor, points: Tensor, dx: int, dy: int) -> Tensor:
    """(B, K) values at whole points moved by (dx, dy); the border's beyond it."""
    height, width = maps.shape[2:]
    x = (points[..., 0].long() + dx).clamp(0, width - 1)
    y = (points[..., 1].long() + dy).clamp(0, height - 1)
    return maps.flatten(2).gather(2, (y * width + x)[..., None])[..., 0]
