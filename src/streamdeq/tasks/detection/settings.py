"""What a detector's head leaves open, as one typed value; the defaults are the published ones."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from streamdeq.codec import from_plain
from streamdeq.errors import StreamdeqError


@dataclass(frozen=True)
class DetectorSettings:
    """Sizes of the head, anchors, samples and thresholds; `ModelSpec.head` holds them by these names.

    Args:
        channels: of every level of the feature pyramid.
        hidden: of the two fully connected layers behind each region.
        anchor_scales: anchor sides in strides of their level, each with every ratio.
        anchor_ratios: height over width.
        finest: regions whose side, the root of their area, is below twice this many pixels are read from the highest
            resolution, below four times from the next, and so on.
        candidates, train_candidates: proposals per level before suppression.
        proposals, train_proposals: what is left of them per picture after it.
        anchor_samples: anchors per picture in the proposals' loss, at most half of them on objects.
        region_samples: proposals per picture in the regions' loss, at most a quarter of them on objects.
        box_beta: of the smooth L1 loss on boxes, the deviation below which it is quadratic; 0 is L1, as published.
        least_score: detections below are dropped.
        overlap: of two detections of a class with a larger IoU the lower scored is dropped.
        detections: the most per picture.
    """

    channels: int = 256
    hidden: int = 1024
    anchor_scales: tuple[float, ...] = (8.0,)
    anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    finest: float = 56.0
    candidates: int = 1000
    train_candidates: int = 2000
    proposals: int = 1000
    train_proposals: int = 1000
    anchor_samples: int = 256
    region_samples: int = 512
    box_beta: float = 0.0
    least_score: float = 0.05
    overlap: float = 0.5
    detections: int = 100

    def __post_init__(self) -> None:
        for name in ("anchor_scales", "anchor_ratios"):
            values = getattr(self, name)
            if not values or min(values) <= 0:
                raise StreamdeqError(f"head.{name} must be numbers above 0; got {values}")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type is int and value < 1:
                raise StreamdeqError(f"head.{field.name} must be at least 1; got {value}")
        for name in ("least_score", "overlap"):
            if not 0 <= getattr(self, name) <= 1:
                raise StreamdeqError(f"head.{name} must be in [0, 1]; got {getattr(self, name)}")
        if self.box_beta < 0:
            raise StreamdeqError(f"head.box_beta must be at least 0; got {self.box_beta}")
        if self.finest <= 0:
            raise StreamdeqError(f"head.finest must be more than 0; got {self.finest}")

    @staticmethod
    def read(given: Mapping[str, Any]) -> "DetectorSettings":
        """The published settings with what is given instead, as JSON values.

        Raises:
            StreamdeqError: a setting that does not exist.
        """
        return from_plain(DetectorSettings, dict(given), "setting of the detection head")
