"""A frame on a canvas of fixed size: where it lies, and scaled to fit there."""

from functools import lru_cache

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.values.geometry import HW, Geometry, Window


def fitted(frame_hw: HW, canvas_hw: HW, window: Window | None = None) -> Geometry:
    """The largest picture of the frame's, or the window's, shape that the canvas holds, at its top left.

    For a frame of the shape that the canvas was made for this is `Geometry.fit`.
    """
    h, w = frame_hw if window is None else window.hw
    scale = min(canvas_hw[0] / h, canvas_hw[1] / w)
    content = min(canvas_hw[0], max(1, round(h * scale))), min(canvas_hw[1], max(1, round(w * scale)))
    return Geometry(frame_hw, content, canvas_hw, window)


def placed(image: np.ndarray, geometry: Geometry) -> np.ndarray:
    """(H, W, 3) uint8 → (1, canvas height, canvas width, 3) uint8, black where there is no picture.

    Raises:
        StreamdeqError: no picture of that type and shape.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise StreamdeqError(f"expected a picture (H, W, 3) uint8 RGB, got {image.shape} {image.dtype}")
    seen = image if geometry.window is None else geometry.window.cut(image)
    canvas = np.zeros((1, *geometry.canvas_hw, 3), np.uint8)
    h, w = geometry.content_hw
    canvas[0, :h, :w] = scaled(seen, geometry.content_hw)
    return canvas


def scaled(image: np.ndarray, size_hw: HW) -> np.ndarray:
    """(H, W, C) uint8 → (h, w, C) uint8, bilinear with antialiasing as torch and Pillow have it. They round between
    the two axes: a level may differ by 1."""
    if image.shape[:2] == size_hw:
        return image
    rows = _weighted(image, *_taps(image.shape[0], size_hw[0]))
    columns = _weighted(rows.transpose(1, 0, 2), *_taps(image.shape[1], size_hw[1]))
    return (columns.transpose(1, 0, 2) + 0.5).clip(0, 255).astype(np.uint8)


def moved(m: np.ndarray, before: Geometry, now: Geometry) -> np.ndarray:
    """(1, h, w, C) sampled where the window before saw what it sees now: bilinear, the border's values beyond it."""
    if before.window is None or before.window == now.window:
        return m
    for axis, (scale, shift) in zip((2, 1), now.seen_from(before), strict=True):
        length = m.shape[axis]
        places = (((2 * np.arange(length) + 1) / length - 1) * scale + shift + 1) * length / 2 - 0.5
        places = places.clip(0, length - 1)
        lower = np.minimum(places.astype(int), max(length - 2, 0))
        share = (places - lower).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(4)])
        near, far = m.take(lower, axis), m.take(np.minimum(lower + 1, length - 1), axis)
        m = near + share * (far - near)
    return m


def _weighted(image: np.ndarray, places: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Along the first axis, the weighted sum of what lies at the places."""
    total = np.zeros((len(places), *image.shape[1:]), np.float32)
    for tap in range(places.shape[1]):
        total += image[places[:, tap]] * weights[:, tap, None, None]
    return total


@lru_cache(maxsize=64)
def _taps(given: int, wanted: int) -> tuple[np.ndarray, np.ndarray]:
    """What each of the wanted pixels is made of: places (wanted, T) among those given, and weights of sum 1."""
    scale = given / wanted
    reach = max(scale, 1.0)
    centre = (np.arange(wanted) + 0.5) * scale
    first = np.maximum((centre - reach + 0.5).astype(int), 0)
    last = np.minimum((centre + reach + 0.5).astype(int), given)
    places = first[:, None] + np.arange((last - first).max())
    weights = np.maximum(0, 1 - np.abs(places - centre[:, None] + 0.5) / reach) * (places < last[:, None])
    weights /= weights.sum(axis=1, keepdims=True)
    return np.minimum(places, given - 1), weights.astype(np.float32)
