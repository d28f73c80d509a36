"""How answers are drawn."""

from dataclasses import dataclass
from typing import Annotated, Literal

from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError
from streamdeq.values.numbers import check_number

#: `plain` is nothing of the others.
Part = Literal["legend", "names", "scores", "ids", "trails", "plain"]


@dataclass(frozen=True)
class Look:
    """How answers are drawn.

    Args:
        draw: what there is besides masks, boxes and points; `trails` are where tracked objects were, in films.
        opacity: of masks: how much of a class's colour shows, 0–1; the rest is the picture.
        steady: in films: an answer whose relative residual is above this waits, and the one before stays; None: never.
    """

    draw: Annotated[
        tuple[Part, ...],
        Option("What is drawn besides masks, boxes and points; trails need --track; plain is nothing else."),
    ] = ("legend", "names", "scores", "ids")
    opacity: Annotated[float, Option("Of masks, 0-1: how much of the classes' colours shows.", metavar="X")] = 0.55
    steady: Annotated[
        float | None,
        Option("Films show the answer before where one's residual is above this, for 5 frames at most.", metavar="X"),
    ] = None

    def __post_init__(self) -> None:
        check_number("opacity", self.opacity, least=0)
        if self.steady is not None:
            check_number("steady", self.steady, least=0)
        if self.opacity > 1:
            raise StreamdeqError(f"opacity: expected 0 to 1, got {self.opacity}; 50 percent are 0.5")


USUAL = Look()
