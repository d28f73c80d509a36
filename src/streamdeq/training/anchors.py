"""A detector's anchors from the boxes that it is to learn: as tall, and as small, as they are."""

import numpy as np

from streamdeq.data.base import Dataset
from streamdeq.data.labels import spaced
from streamdeq.tasks.detection.settings import DetectorSettings
from streamdeq.values.boxes import Boxes

#: Pictures whose boxes are looked at, evenly spaced.
PICTURES = 1000
#: Canvas pixels per cell of the finest level of the pyramid.
FINEST_STRIDE = 4
#: The smallest anchor is as large as this share of the boxes, in percent, is at the most.
SMALL = 10
#: Anchor scales that suit: the smallest anchor is 2 to 8 times the finest stride wide.
LEAST, MOST = 2.0, 8.0
#: Rounds of the clustering; a dozen numbers settle sooner.
ROUNDS = 50


def box_sizes(dataset: Dataset, size: int) -> np.ndarray:
    """(N, 2) width and height of the boxes that count, in pixels of pictures whose shorter side is `size`."""
    found = [np.zeros((0, 2))]
    for clip, t in spaced(dataset.samples, PICTURES):
        target = clip.target(t)
        if isinstance(target, Boxes) and len(counted := target[target.visible & ~target.ignore]):
            scale = size / min(clip.image(t).shape[:2])
            found.append((counted.xyxy[:, 2:] - counted.xyxy[:, :2]) * scale)
    return np.concatenate(found).astype(np.float64)


def fitted_anchors(sizes: np.ndarray, head: DetectorSettings) -> DetectorSettings | None:
    """`head` with as many anchors as it has, of the shapes of boxes of these `sizes`; None where there are too few to
    tell.

    Ratios are the centres of the logarithms of height over width, found by k-means; scales keep their steps and are
    moved so that the smallest anchor is as large as a small box.
    """
    if len(sizes) < 10 * len(head.anchor_ratios):
        return None
    ratios = tuple(
        round(float(np.exp(c)), 2) for c in _centres(np.log(sizes[:, 1] / sizes[:, 0]), len(head.anchor_ratios))
    )
    small = float(np.percentile(np.sqrt(sizes.prod(axis=1)), SMALL))
    least = min(MOST, max(LEAST, small / FINEST_STRIDE))
    steps = np.array(sorted(head.anchor_scales)) / min(head.anchor_scales)
    scales = tuple(round(float(step * least), 2) for step in steps)
    return DetectorSettings(**{**vars(head), "anchor_ratios": ratios, "anchor_scales": scales})


def _centres(values: np.ndarray, count: int) -> np.ndarray:
    """(count,) ascending, from evenly spaced quantiles; two of one value are kept apart by nothing."""
    centres = np.quantile(values, (np.arange(count) + 0.5) / count)
    for _ in range(ROUNDS):
        nearest = np.abs(values[:, None] - centres[None]).argmin(axis=1)
        moved = np.array([values[nearest == k].mean() if (nearest == k).any() else centres[k] for k in range(count)])
        if np.allclose(moved, centres):
            break
        centres = moved
    return np.sort(centres)
