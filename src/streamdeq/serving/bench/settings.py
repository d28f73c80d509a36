"""What a benchmark of cameras measures, as options."""

from dataclasses import dataclass
from typing import Annotated, Literal, get_args

from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError
from streamdeq.values.numbers import check_above_zero, check_number

#: served: by the scheduler. processes: one for each camera. queue: the cameras' frames one after another. lockstep: the
#: newest frame of all cameras in one batch. frames: every frame by itself, from zeros. peer: the same by the network of
#: --peer.
Way = Literal["served", "processes", "queue", "lockstep", "frames", "peer"]


@dataclass(frozen=True)
class CamerasSettings:
    """What is measured.

    Args:
        load: arrivals over what the machine does at `max_steps`, all cameras in one batch.
        jitter: parts of the time between two frames that a frame comes too early or late, at the most.
        dropout: part of the frames that never come, some in a row.
        settle: seconds at the start that are not scored.
        frames: of a film that are played, forwards and backwards.
    """

    cameras: Annotated[int, Option("Cameras in the curve over the load.", least=1)] = 8
    fps: Annotated[float, Option("Frames per second of a camera, where cameras are counted.")] = 10.0
    load: Annotated[
        tuple[float, ...], Option("Loads of the curve: arrivals over the capacity at --max-steps; 0 for no curve.")
    ] = (0.5, 0.9, 1.5, 3.0)
    limit: Annotated[float, Option("One more: this part of the capacity at one step; 0 for none.")] = 0.9
    max_steps: Annotated[int, Option("Applications of f per frame where there is time.", least=1)] = 8
    ways: Annotated[tuple[Way, ...], Option("What is compared.", name="way")] = get_args(Way)
    held: Annotated[bool, Option("Count the cameras that each way holds, too.")] = False
    seconds: Annotated[float, Option("Seconds of each measurement.")] = 12.0
    settle: float = 2.0
    jitter: Annotated[float, Option("How far frames come early or late, in parts of the time between two.")] = 0.1
    dropout: Annotated[float, Option("Part of the frames that never come, some in a row.")] = 0.0
    frames: Annotated[int, Option("Frames of each film.", least=2)] = 101
    size: Annotated[int | None, Option("The model's working size: the shorter side in pixels.", least=8)] = None
    runtime: Annotated[str, Option("What computes the model (see --runtime of run).", metavar="NAME")] = "eager"
    resamples: Annotated[int, Option("Resamples the intervals are drawn from; 0 for no intervals.", least=0)] = 200
    seed: Annotated[int, Option("Of jitter and dropouts.", least=0)] = 0

    def __post_init__(self) -> None:
        check_above_zero("fps", self.fps)
        check_number("seconds", self.seconds, least=self.settle + 1)
        for load in (*self.load, self.limit):
            check_number("load", load, least=0)
        for name, part in (("jitter", self.jitter), ("dropout", self.dropout)):
            if not 0 <= part < 1:
                raise StreamdeqError(f"{name}: expected a part of 1, from 0 on, got {part}")

    def loads(self, capacity: tuple[float, float]) -> tuple[float, ...]:
        """Of the curve, for so many frames per second at the most steps and at one."""
        asked = {load for load in self.load if load}
        return tuple(sorted(asked | ({self.limit * capacity[1] / capacity[0]} if asked and self.limit else set())))
