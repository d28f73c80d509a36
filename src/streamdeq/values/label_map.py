"""The class of every pixel of a frame from scores on a coarse grid, without scores for every pixel. numpy only.

Between four grid points bilinear interpolation is a weighted mean of their scores, so a class that is the highest at
all four is the highest everywhere between them. In most cells of the grid one class is: they are filled. Only the
others, along the borders of classes, are interpolated, and of the classes only those that no other one dominates.

Legend: K classes, (h, w) grid, (H, W) frame, n cells, of R×C pixels at the most.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from streamdeq.values.geometry import HW

#: Cells are interpolated in groups of so many numbers, which stay in a processor's cache.
_GROUP = 1 << 16


class _Axis(NamedTuple):
    """The cells along one axis that have pixels, by what bounds them in the grid and by their pixels in the frame.

    Args:
        lower, upper: (cells,) grid points.
        counts: (cells,) pixels of each.
        pixels, weights: (cells, R) their places, and what the upper grid point counts there, 0–1; a cell of fewer
            pixels than others repeats its last.
    """

    lower: np.ndarray
    upper: np.ndarray
    counts: np.ndarray
    pixels: np.ndarray
    weights: np.ndarray


def label_map(scores: np.ndarray, whole_hw: HW, frame_hw: HW) -> np.ndarray:
    """(K, h, w) float32 → (H, W) uint8, the first of equal maxima.

    As if the scores were resized bilinearly, corners aligned, to `whole_hw`, and the frame cut out of that at the top
    left; the same but where two classes are equal up to rounding.
    """
    scores = np.ascontiguousarray(scores)
    rows = _cells(scores.shape[1], whole_hw[0], frame_hw[0])
    columns = _cells(scores.shape[2], whole_hw[1], frame_hw[1])
    winners = first_highest(scores)
    above, below = winners[rows.lower], winners[rows.upper]
    corners = np.stack([side[:, at] for side in (above, below) for at in (columns.lower, columns.upper)])
    filled = corners[0].repeat(columns.counts, axis=1)
    labels = filled.repeat(rows.counts, axis=0)
    y, x = np.nonzero((corners[1:] != corners[0]).any(axis=0))
    group = max(1, _GROUP // max(rows.pixels.shape[1] * columns.pixels.shape[1], len(scores)))
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite has some label, too
        for first in range(0, len(y), group):
            some = y[first : first + group], x[first : first + group]
            _interpolate(labels, scores, (rows, columns), some, corners[:, *some])
    return labels


def first_highest(scores: np.ndarray) -> np.ndarray:
    """(K, …) → (…) uint8, the first of equal maxima. A running maximum: numpy's own over the first axis is slow."""
    best, labels = scores[0].copy(), np.zeros(scores.shape[1:], np.uint8)
    for k in range(1, len(scores)):
        _take_over(best, labels, scores[k], np.uint8(k))
    return labels


def _take_over(best: np.ndarray, labels: np.ndarray, candidate: np.ndarray, k: np.ndarray | np.uint8) -> None:
    """Where the candidate is above the best so far, it becomes the best; `k`, above all earlier labels, the label."""
    np.maximum(labels, (candidate > best).view(np.uint8) * k, out=labels)
    np.maximum(best, candidate, out=best)


@lru_cache(maxsize=64)
def _cells(points: int, whole: int, shown: int) -> _Axis:
    scale = np.float32((points - 1) / max(whole - 1, 1))
    place = np.arange(shown, dtype=np.float32) * scale
    lower_of = np.minimum(place.astype(np.intp), max(points - 2, 0))
    lower, first, counts = np.unique(lower_of, return_index=True, return_counts=True)
    pixels = first[:, None] + np.minimum(np.arange(counts.max()), counts[:, None] - 1)
    weights = np.minimum(place - lower_of.astype(np.float32), 1)
    return _Axis(lower, np.minimum(lower + 1, points - 1), counts, pixels, weights[pixels])


def _interpolate(
    labels: np.ndarray,
    scores: np.ndarray,
    axes: tuple[_Axis, _Axis],
    cells: tuple[np.ndarray, np.ndarray],
    winners: np.ndarray,
) -> None:
    """Write the pixels of some cells, (n,) rows and columns of cells; `winners` (4, n) are their corners'."""
    (rows, columns), (y, x) = axes, cells
    above, below, left, right = rows.lower[y], rows.upper[y], columns.lower[x], columns.upper[x]
    values = scores[:, np.stack([above, above, below, below]), np.stack([left, right, left, right])]  # (K, 4, n)
    possible = _undominated(values, winners)
    count = possible.sum(axis=0)
    order = np.argsort(-count)  # cells with many candidates first: the r-th candidates are those of the first cells
    y, x, count, values = y[order], x[order], count[order], values[:, :, order]
    ranked = np.argsort(~possible[:, order], axis=0, kind="stable")[: count[0]].astype(np.uint8)  # (r, n) classes
    tiles = np.empty((len(y), rows.pixels.shape[1], columns.pixels.shape[1]), np.uint8)
    tiles[...] = ranked[0][:, None, None]
    # Scores are those above the first candidate's: half the work where there are two, as mostly.
    best, first = np.zeros(tiles.shape, np.float32), _of_class(values, ranked[0])
    for number, k in enumerate(ranked[1:], start=1):
        n = int(np.count_nonzero(count > number))
        more = _of_class(values, k[:n]) - first[:n]
        tile = _bilinear(more, rows.weights[y[:n]], columns.weights[x[:n]])
        _take_over(best[:n], tiles[:n], tile, k[:n, None, None])
    at = rows.pixels[y][:, :, None] * labels.shape[1] + columns.pixels[x][:, None, :]
    labels.reshape(-1)[at] = tiles


def _undominated(values: np.ndarray, winners: np.ndarray) -> np.ndarray:
    """(K, n): whether a class may be the first highest somewhere in a cell, as far as its corners' winners tell.

    Values (K, 4, n) at the corners. One that is below another class at all corners is below it everywhere between;
    where it is equal at some, the first of the two is taken.
    """
    classes = np.arange(len(values), dtype=np.uint8)[:, None]
    possible = np.ones((len(values), values.shape[2]), bool)
    for winner in winners:
        best = _of_class(values, winner).T
        possible &= ~((best > values).all(axis=1) | ((best >= values).all(axis=1) & (winner < classes)))
    return possible


def _of_class(values: np.ndarray, k: np.ndarray) -> np.ndarray:
    """(K, 4, n) and a class per cell (m,), m ≤ n → (m, 4)."""
    return values[k, :, np.arange(len(k))]


def _bilinear(corners: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """(n, 4) and weights (n, R), (n, C) → (n, R, C)."""
    top_left, top_right, bottom_left, bottom_right = corners.T[..., None]
    top = top_left + across * (top_right - top_left)
    bottom = bottom_left + across * (bottom_right - bottom_left)
    tile = down[:, :, None] * (bottom - top)[:, None, :]
    tile += top[:, None, :]
    return tile
