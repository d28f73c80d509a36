"""What a pose head leaves open, as one typed value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from streamdeq.codec import from_plain
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

HEADS = ("simple", "fused")
DECODINGS = ("dark", "quarter", "peak")


@dataclass(frozen=True)
class PoseSettings:
    """`ModelSpec.head` holds these by their names.

    Args:
        design: `simple` (Simple Baselines: deconvolutions on the coarsest scale) or `fused` (all scales at 1/4).
        width: channels of the deconvolutions, or of the layer that all scales are summed in.
        sigma: of the Gaussian targets, pixels of the heat map, which has a quarter of the canvas's size.
        decoding: how a point is read off its map: `dark` (Newton step on the smoothed logarithm), `quarter` (a quarter
            of a pixel towards the higher neighbour) or `peak`.
        skeleton: pairs of points to draw a line between, as indices into the classes.
        mirrored: pairs of points that change places in a mirror, likewise.
    """

    design: str = "fused"
    width: int = 256
    sigma: float = 2.0
    decoding: str = "dark"
    skeleton: tuple[tuple[int, int], ...] = ()
    mirrored: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if self.design not in HEADS:
            raise StreamdeqError(unknown("head.design", self.design, list(HEADS)))
        if self.decoding not in DECODINGS:
            raise StreamdeqError(unknown("head.decoding", self.decoding, list(DECODINGS)))
        if self.width < 1 or self.sigma <= 0:
            raise StreamdeqError(f"head.width and head.sigma must be above 0; got {self.width} and {self.sigma}")

    @staticmethod
    def read(given: Mapping[str, Any]) -> "PoseSettings":
        """The defaults with what is given instead, as JSON values.

        Raises:
            StreamdeqError: a setting that does not exist.
        """
        return from_plain(PoseSettings, dict(given), "setting of the pose head")
