"""Heat maps to points, as `streamdeq.tasks.pose.heatmaps` reads them. Legend: (h, w) map, K points."""

import numpy as np

#: Canvas pixels per pixel of a map; logarithms are taken of nothing smaller.
STRIDE, LEAST = 4, 1e-10


def points_of(maps: np.ndarray, decoding: str, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """(h, w, K) → points (K, 2) in canvas pixels and the heights of their maps (K,).

    Args:
        decoding: `dark`, `quarter` or `peak`.
        sigma: of the Gaussians that the maps were trained on, map pixels.
    """
    maps = maps.transpose(2, 0, 1).astype(np.float32)
    flat = maps.reshape(len(maps), -1)
    places = flat.argmax(axis=1)
    peaks = np.stack([places % maps.shape[2], places // maps.shape[2]], axis=1)
    points = peaks.astype(np.float32)
    if decoding == "quarter":
        ahead, behind, inner = _neighbours(maps, peaks)
        points += 0.25 * np.sign(ahead - behind) * inner
    elif decoding == "dark":
        points += _newton(np.log(np.maximum(_smoothed(maps, sigma), LEAST)), peaks)
    return (points + 0.5) * STRIDE - 0.5, flat.max(axis=1)


def _newton(logs: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """The step from the peaks to the maximum of a parabola; none where there is no maximum within a pixel."""
    ahead, behind, inner = _neighbours(logs, peaks)
    gx, gy = ((ahead - behind) / 2).T
    xx, yy = (ahead + behind - 2 * _at(logs, peaks, 0, 0)[:, None]).T
    xy = (_at(logs, peaks, 1, 1) + _at(logs, peaks, -1, -1) - _at(logs, peaks, 1, -1) - _at(logs, peaks, -1, 1)) / 4
    determinant = xx * yy - xy**2
    with np.errstate(divide="ignore", invalid="ignore"):
        step = np.stack([xy * gy - yy * gx, xy * gx - xx * gy], axis=1) / determinant[:, None]
    usable = (determinant > 0) & (xx < 0) & inner.all(axis=1) & (np.abs(step) <= 1).all(axis=1)
    return np.where(usable[:, None], step, 0)


def _smoothed(maps: np.ndarray, sigma: float) -> np.ndarray:
    """Convolved with the targets' own Gaussian, and brought back to the height it had."""
    radius = max(1, round(2.5 * sigma))
    kernel = np.exp(np.arange(-radius, radius + 1, dtype=np.float32) ** 2 / (-2 * sigma**2))
    kernel /= kernel.sum()
    smooth = maps
    for axis in (2, 1):
        wide = np.pad(smooth, [(radius, radius) if a == axis else (0, 0) for a in range(3)], mode="edge")
        parts = np.lib.stride_tricks.sliding_window_view(wide, len(kernel), axis=axis)
        smooth = parts @ kernel
    highest = np.maximum(smooth.max(axis=(1, 2), keepdims=True), LEAST)
    return smooth * (np.maximum(maps.max(axis=(1, 2), keepdims=True), LEAST) / highest)


def _neighbours(maps: np.ndarray, peaks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The values right and below, left and above, each (K, 2); and whether both of an axis exist."""
    ahead = np.stack([_at(maps, peaks, 1, 0), _at(maps, peaks, 0, 1)], axis=1)
    behind = np.stack([_at(maps, peaks, -1, 0), _at(maps, peaks, 0, -1)], axis=1)
    return ahead, behind, (peaks > 0) & (peaks < (maps.shape[2] - 1, maps.shape[1] - 1))


def _at(maps: np.ndarray, peaks: np.ndarray, dx: int, dy: int) -> np.ndarray:
    """(K,) values beside the peaks; the border's beyond it."""
    x = np.clip(peaks[:, 0] + dx, 0, maps.shape[2] - 1)
    y = np.clip(peaks[:, 1] + dy, 0, maps.shape[1] - 1)
    return maps[np.arange(len(maps)), y, x]
