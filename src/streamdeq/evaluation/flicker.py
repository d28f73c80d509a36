"""How restless answers are: the share of pixels whose picture stands still between two frames and whose label flips.

No ground truth is asked: where the picture is the same, so should the label be. Knows label maps, no model.

A pixel stands still when, after a mean over 5×5 pixels, none of its colours differs by more than `STILL` of 255
between the two frames: what is left of a camera's noise and of a codec's rounding after that mean is below it, and a
moving edge is far above. In a drive that is the sky, the road ahead and whatever is far away.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from streamdeq.errors import StreamdeqError
from streamdeq.tasks import Result

STILL = 4.0
WINDOW = 5


@dataclass
class Flicker:
    """Counts over pairs of neighbouring frames."""

    still: int = 0
    flipped: int = 0

    def update(self, still: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
        """A pair of frames: (H, W) bool, and its two label maps."""
        self.still += int(still.sum())
        self.flipped += int((still & (before != after)).sum())

    @property
    def share(self) -> float | None:
        """In percent of the pixels that stood still; None where none did."""
        return 100 * self.flipped / self.still if self.still else None


def still_masks(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """(H, W) bool for every pair of neighbours among `images`, (H, W, 3) uint8."""
    smooth = [_smooth(image) for image in images]
    return [((b - a).abs().amax(dim=0) <= STILL).numpy() for a, b in pairwise(smooth)]


def flicker(masks: Sequence[np.ndarray], answers: Iterable[Result]) -> float | None:
    """Of the answers for the frames that `masks` are between, one more than masks; in percent.

    Raises:
        StreamdeqError: answers that are no label maps.
    """
    count, before = Flicker(), None
    for n, answer in enumerate(answers):
        labels = getattr(answer, "labels", None)
        if not isinstance(labels, np.ndarray) or labels.ndim != 2:
            raise StreamdeqError(f"flicker is of label maps; a {type(answer).__name__} has none")
        if before is not None:
            count.update(masks[n - 1], before, labels)
        before = labels
    return count.share


def _smooth(image: np.ndarray) -> Tensor:
    pixels = torch.from_numpy(image).permute(2, 0, 1).float()[None]
    return F.avg_pool2d(pixels, WINDOW, 1, WINDOW // 2, count_include_pad=False)[0]
