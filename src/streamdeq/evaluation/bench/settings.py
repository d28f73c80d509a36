"""What a benchmark measures, as options."""

from dataclasses import dataclass
from typing import Annotated

from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError


@dataclass(frozen=True)
class BenchSettings:
    """What is measured.

    Args:
        frame: pixels of a frame as width x height.
        rows: videos at once; times are those of one of them.
    """

    iterations: Annotated[tuple[int, ...], Option("Iterations per frame, each of them.", least=1)] = (1, 2, 4)
    frame: Annotated[str, Option("Pixels of a frame.", metavar="WxH")] = "480x360"
    size: Annotated[int | None, Option("The model's working size: the shorter side in pixels.", least=8)] = None
    rows: Annotated[tuple[int, ...], Option("Videos at once, each of these numbers.", least=1)] = (1,)
    runtime: Annotated[
        tuple[str, ...], Option("What computes the model, each of these (see --runtime of run).", metavar="NAME,...")
    ] = ("eager",)
    solver: Annotated[str | None, Option("The solver; default: the model's.", metavar="NAME")] = None
    seconds: Annotated[int, Option("Seconds for all timings; slow parts take longer.", least=1)] = 20
    features: Annotated[int | None, Option("A head of this width, with random weights.", least=1)] = None
    seed: Annotated[int, Option("Of random weights.", least=0)] = 0
    alone: Annotated[bool, Option("Nothing beside the model: no float32 baseline, no torchdeq, no peer.")] = False

    @property
    def frame_hw(self) -> tuple[int, int]:
        width, _, height = self.frame.partition("x")
        if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
            raise StreamdeqError(f"--frame: expected width x height in pixels, as 1280x720, got '{self.frame}'")
        return int(height), int(width)
