"""Flicker: the share of pixels whose picture stands still between two frames and whose label flips.

No ground truth is asked: where the picture is the same, so should the label be.

A pixel stands still when, after a mean over 5×5 pixels, none of its colours differs by more than `STILL` of 255
between the two frames: what is left of a camera's noise and of a codec's rounding after that mean is below it, and a
moving edge is far above. In a drive that is the sky, the road ahead and whatever is far away.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from streamdeq.errors import StreamdeqError
from streamdeq.tasks import Result

STILL = 4.0
WINDOW = 5


def still_masks(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """(H, W) bool for every pair of neighbours among `images`, (H, W, 3) uint8."""
    smooth = [_smooth(image) for image in images]
    return [((b - a).abs().amax(dim=0) <= STILL).numpy() for a, b in pairwise(smooth)]


def flicker(masks: Sequence[np.ndarray], answers: Iterable[Result]) -> float | None:
    """In percent of the pixels that stood still, over all pairs of frames; None where none did.

    Args:
        masks: of `still_masks`.
        answers: for the frames that the masks are between, one more than masks.

    Raises:
        StreamdeqError: answers that are no label maps.
    """
    still = flipped = 0
    for mask, (before, after) in zip(masks, pairwise(map(_labels, answers)), strict=True):
        still += int(mask.sum())
        flipped += int((mask & (before != after)).sum())
    return 100 * flipped / still if still else None


def _labels(answer: Result) -> np.ndarray:
    labels = getattr(answer, "labels", None)
    if not isinstance(labels, np.ndarray) or labels.ndim != 2:
        raise StreamdeqError(f"flicker is of label maps; a {type(answer).__name__} has none")
    return labels


def _smooth(image: np.ndarray) -> Tensor:
    pixels = torch.from_numpy(image).permute(2, 0, 1).float()[None]
    return F.avg_pool2d(pixels, WINDOW, 1, WINDOW // 2, count_include_pad=False)[0]
