"""How samples are augmented, as one typed value of a recipe."""

from dataclasses import dataclass, field

from streamdeq.data.augment.colour import Jitter
from streamdeq.data.augment.pictures import AreaCrop, Augmentation
from streamdeq.errors import require


@dataclass(frozen=True)
class Augment:
    """Scale (relative to the working size), mirror and colour; the crop is the recipe's.

    Args:
        scale_range: smallest and largest scale; log-uniform between them, or
        scale_step: uniform among low, low + step, … high; None for the former.
        flip: probability of a mirrored sample.
        area_range: instead of a scale, a window of this share of the picture, of any aspect between 3/4 and 4/3,
            stretched to the crop (for classes of whole pictures); None for a scale.
        rotation: of an instance's crop, up to so many degrees to either side, for three samples in five (poses).
        scale_deviation: instead of a scale, a crop as large as at inference times a normal number of mean 1 and this
            standard deviation, clipped to one of them; 0 for a scale (poses).
        rotation_deviation: instead of a rotation, a normal number of this standard deviation in degrees, clipped to two
            of them; 0 for a rotation (poses).
        half_body: probability of the upper or the lower half of a body instead of all of it (poses).
    """

    scale_range: tuple[float, float] = (0.75, 2.0)
    flip: float = 0.5
    jitter: Jitter = field(default_factory=Jitter)
    scale_step: float | None = None
    area_range: tuple[float, float] | None = None
    rotation: float = 0.0
    half_body: float = 0.0
    scale_deviation: float = 0.0
    rotation_deviation: float = 0.0

    def __post_init__(self) -> None:
        low, high = self.scale_range
        require(0 < low <= high, "augment.scale_range", "0 < low <= high", self.scale_range)
        require(0 <= self.flip <= 1, "augment.flip", "in [0, 1]", self.flip)
        require(self.scale_step is None or self.scale_step > 0, "augment.scale_step", "more than 0", self.scale_step)
        require(0 <= self.rotation <= 180, "augment.rotation", "in [0, 180]", self.rotation)
        require(0 <= self.scale_deviation < 1, "augment.scale_deviation", "in [0, 1)", self.scale_deviation)
        require(0 <= self.rotation_deviation <= 90, "augment.rotation_deviation", "in [0, 90]", self.rotation_deviation)
        require(0 <= self.half_body <= 1, "augment.half_body", "in [0, 1]", self.half_body)
        low, high = self.area_range or (1.0, 1.0)
        require(0 < low <= high <= 1, "augment.area_range", "0 < low <= high <= 1", self.area_range)

    def transform(
        self, crop_hw: tuple[int, int] | None, size: int, longest: int | None = None, stride: int = 1
    ) -> Augmentation | AreaCrop:
        """What makes a sample of a picture, for this crop, working size and stride."""
        for name in ("rotation", "half_body", "scale_deviation", "rotation_deviation"):
            require(not getattr(self, name), f"augment.{name}", "0 but for poses", getattr(self, name))
        if self.area_range is not None:
            require(crop_hw is not None, "crop_hw", "height,width with augment.area_range", "none")
            assert crop_hw is not None
            return AreaCrop(crop_hw, self.area_range, flip=self.flip, jitter=self.jitter)
        return Augmentation(
            crop_hw,
            size,
            self.scale_range,
            self.flip,
            self.jitter,
            scale_step=self.scale_step,
            longest=longest,
            stride=stride,
        )
