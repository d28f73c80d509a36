"""What a backbone is made of, as one typed value, and the published presets."""

from dataclasses import dataclass

from streamdeq.errors import StreamdeqError

#: Several times what any published model has: more is a mistake, or an attack on the memory.
MOST_SCALES, MOST_CHANNELS, MOST_EXPANSION = 8, 8192, 64


@dataclass(frozen=True)
class Architecture:
    """A multiscale deep equilibrium backbone.

    Args:
        channels: width of every scale, highest resolution (1/4 of the canvas) first; each further scale has
            half the resolution. At least one scale.
        groups: groups of every GroupNorm in the cell; the norm after fusion takes half of them.
        expansion: the residual block widens its scale by this factor between its two convolutions.
        cell: name of the cell `f`, see `streamdeq.models.cells`.
        dropout: probability of variational dropout, drawn per row and channel once per solve (training only).
        injected: how many scales, from the highest, get an injection. Published: the highest alone, so that a new
            frame needs one application to reach the others; with all of them, none.
        post_affine: whether the norm after fusion has a learned scale and shift (not in the detector).
    """

    channels: tuple[int, ...]
    groups: int = 8
    expansion: int = 5
    cell: str = "mdeq"
    dropout: float = 0.0
    post_affine: bool = True
    injected: int = 1

    def __post_init__(self) -> None:
        if self.cell == "published":  # what files of before call it
            object.__setattr__(self, "cell", "mdeq")
        if not self.channels:
            raise StreamdeqError("an architecture needs at least one scale; got no channels")
        if self.groups < 2 or self.groups % 2:
            raise StreamdeqError(f"groups must be even and at least 2; got {self.groups}")
        if not 1 <= self.injected <= len(self.channels):
            raise StreamdeqError(f"injected must be 1 to {len(self.channels)}, the scales; got {self.injected}")
        bad = [c for c in self.channels if c < 1 or c % self.groups]
        if bad:
            raise StreamdeqError(f"channels must be multiples of groups ({self.groups}); got {bad[0]}")
        if self.expansion < 1 or not 0 <= self.dropout < 1:
            raise StreamdeqError(
                f"expansion must be >= 1 and dropout in [0, 1); got {self.expansion} and {self.dropout}"
            )
        largest = len(self.channels), max(self.channels), self.expansion
        if any(got > most for got, most in zip(largest, (MOST_SCALES, MOST_CHANNELS, MOST_EXPANSION), strict=True)):
            raise StreamdeqError(
                f"expected at most {MOST_SCALES} scales, {MOST_CHANNELS} channels and expansion {MOST_EXPANSION}; "
                f"got {', '.join(map(str, largest))}"
            )

    @property
    def stride(self) -> int:
        """Canvas sides must be multiples of this: 4 in the stem, 2 for every further scale."""
        return 4 * 2 ** (len(self.channels) - 1)

    def shapes(self, canvas_hw: tuple[int, int]) -> tuple[tuple[int, int, int], ...]:
        """(C, H, W) of every scale of z for a canvas of this size in pixels."""
        h, w = canvas_hw
        if h < 1 or w < 1 or h % self.stride or w % self.stride:
            raise StreamdeqError(f"canvas sides must be multiples of {self.stride}; got {h}x{w}")
        return tuple((c, h // (4 * 2**i), w // (4 * 2**i)) for i, c in enumerate(self.channels))


#: The published sizes (8 groups in all of them).
PRESETS: dict[str, Architecture] = {
    "small": Architecture((32, 64, 128, 256), expansion=5),
    "large": Architecture((80, 160, 320, 640), expansion=5),
    "xl": Architecture((88, 176, 352, 704), expansion=6),
}
