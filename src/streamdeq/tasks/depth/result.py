"""The answer of depth estimation."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from streamdeq.tasks.base import Result, check_array


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Depth(Result):
    """A distance for every pixel of the frame.

    Args:
        depth_m: (H, W) float32, metres along the camera's axis, above 0, in the frame's own pixels.
    """

    depth_m: np.ndarray

    def __post_init__(self) -> None:
        check_array("depth_m", self.depth_m, ("H", "W"), np.float32)
        if self.depth_m.size and not self.depth_m.min() > 0:
            raise ValueError(f"depth_m must be above 0; got {self.depth_m.min()}")

    def percentile(self, percent: float) -> float:
        """The depth in metres that so many per cent of the pixels do not exceed."""
        return float(np.percentile(self.depth_m, percent))

    COLUMNS = ("percent", "depth_m")

    def rows(self) -> list[dict[str, Any]]:
        """Percentiles."""
        return [{"percent": percent, "depth_m": self.percentile(percent)} for percent in (5, 25, 50, 75, 95)]

    def summary(self) -> str:
        return f"median {self.percentile(50):.1f} m"

    def change_from(self, before: "Depth") -> float:
        """One minus the mean ratio of the smaller to the larger of both depths."""
        smaller, larger = np.minimum(self.depth_m, before.depth_m), np.maximum(self.depth_m, before.depth_m)
        return 1 - float((smaller / larger).mean(dtype=np.float64))
