"""The answer of semantic segmentation."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image

from streamdeq.errors import StreamdeqError
from streamdeq.models.spec import RGB
from streamdeq.registry import unknown
from streamdeq.tasks.base import Result, check_array


@dataclass(frozen=True, kw_only=True)
class Segmentation(Result):
    """A class for every pixel of the frame.

    Args:
        labels: (H, W) uint8, index into `classes`, in the frame's own pixels.
        classes: class names.
        palette: one RGB colour in 0–255 per class.
    """

    labels: np.ndarray
    classes: tuple[str, ...]
    palette: tuple[RGB, ...]

    def __post_init__(self) -> None:
        check_array("labels", self.labels, ("H", "W"), np.uint8)
        if len(self.palette) != len(self.classes):
            raise ValueError(f"one colour per class; got {len(self.palette)} for {len(self.classes)} classes")
        if self.labels.size and self.labels.max() >= len(self.classes):
            raise ValueError(f"labels must be below {len(self.classes)}, the classes; got {self.labels.max()}")

    def mask(self, name: str) -> np.ndarray:
        """(H, W) bool: the pixels of one class."""
        if name not in self.classes:
            raise StreamdeqError(unknown("class", name, list(self.classes)))
        return self.labels == self.classes.index(name)

    @cached_property
    def counts(self) -> np.ndarray:
        """(classes,) the pixels of each class."""
        # Pillow counts bytes several times as fast as `bincount`, which makes them 64 bits wide first.
        return np.array(Image.fromarray(self.labels).histogram()[: len(self.classes)])

    def shares(self) -> dict[str, float]:
        """The part of the frame each class covers, 0–1, classes that occur only."""
        shares = self.counts / self.labels.size
        return {name: float(share) for name, share in zip(self.classes, shares, strict=True) if share > 0}

    def change_from(self, before: "Segmentation") -> float:
        """The share of pixels with another label."""
        return int(np.count_nonzero(self.labels != before.labels)) / self.labels.size
