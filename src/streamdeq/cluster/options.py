"""What a user may say of an archive."""

from dataclasses import dataclass, field
from typing import Annotated

from streamdeq.codec import Option
from streamdeq.streaming.options import StreamOptions
from streamdeq.values import MAX_PIXELS
from streamdeq.values.choice import Choice
from streamdeq.values.numbers import check_above_zero, check_number


@dataclass(frozen=True, kw_only=True)
class ArchiveOptions:
    """How films are answered.

    Args:
        stream, choice: as of a run.
        minutes: longer films are divided into parts of about that length; None: none is.
        overlap: frames before a part that only warm its latent, where it does not begin with a shot.
    """

    stream: StreamOptions = field(default_factory=StreamOptions)
    choice: Choice = field(default_factory=Choice)
    minutes: Annotated[
        float | None, Option("Films are divided into parts of about so many minutes; none: they are not.", metavar="N")
    ] = 10.0
    overlap: Annotated[
        int, Option("Frames before a part that warm its latent, where it begins with no shot change.", least=0)
    ] = 20
    max_pixels: Annotated[
        int, Option("Larger pictures are not decoded; default: 8192 x 4320.", metavar="N", least=1)
    ] = MAX_PIXELS

    def __post_init__(self) -> None:
        check_number("overlap", self.overlap, whole=True, least=0)
        if self.minutes is not None:
            check_above_zero("minutes", self.minutes)
        if self.choice.track and self.minutes is not None:
            object.__setattr__(self, "minutes", None)  # ids last over all of a film
