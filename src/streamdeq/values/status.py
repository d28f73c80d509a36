"""What is known about an answer besides the answer: which frame, how many steps, how far from converged."""

from dataclasses import dataclass
from enum import StrEnum


class Start(StrEnum):
    """Whether the solve of a frame began from a previous state."""

    COLD = "cold"
    WARM = "warm"


class Stop(StrEnum):
    """Why a frame got no further step."""

    ITERATIONS = "iterations"  # the number, or the cap, was reached
    TOLERANCE = "tolerance"  # residual, or change of the answer, small enough
    DEADLINE = "deadline"  # another step would not have been done in time
    TARGET_FPS = "target-fps"  # what the frame rate leaves time for


@dataclass(frozen=True)
class Status:
    """The state of a row at the moment its answer was read.

    Args:
        frame_index: 0-based index of the frame the answer reflects.
        time_s: presentation time of that frame in seconds.
        iterations: iterations since that frame arrived, in the paper's sense (Broyden's first evaluation is free).
        nfe: applications of `f` since that frame arrived; 0 means the answer is still the one carried over.
        residual: relative residual ‖f(z) − z‖ / ‖f(z)‖ of the last evaluated point; NaN before the first.
        start: cold (from zeros) or warm (from the previous frame's state).
        stopped: why there was no further step; None while there may be one.
        failed: the solve met a non-finite value; the answer is the last finite one and the next frame starts cold.
        cut: the frame was taken for the first of a new shot.
        gap_s: seconds the source was away before this frame.
        locate_s: seconds it took to say where to look; None where whole frames are looked at.
        inject_s, solve_s: seconds spent on this frame so far.
        head_s, decode_s: seconds the answer took, until the task's outputs and from them to it.
        change: ‖z⁺ − z‖ / ‖z‖ of the last step, from z to z⁺ (Fig. 8 of the paper); NaN before it and from zeros.
    """

    frame_index: int
    time_s: float
    iterations: int
    nfe: int
    residual: float
    start: Start
    stopped: Stop | None = None
    failed: bool = False
    cut: bool = False
    gap_s: float = 0.0
    locate_s: float | None = None
    inject_s: float = 0.0
    solve_s: float = 0.0
    head_s: float = 0.0
    decode_s: float = 0.0
    change: float = float("nan")

    @property
    def read_s(self) -> float:
        """Seconds the answer took."""
        return self.head_s + self.decode_s

    @property
    def answer_s(self) -> float:
        """Seconds from having the frame to having its answer."""
        return (self.locate_s or 0.0) + self.inject_s + self.solve_s + self.read_s
