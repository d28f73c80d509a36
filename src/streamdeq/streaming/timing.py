"""Budgets that keep to the clock: a deadline per frame, a frame rate to hold."""

from dataclasses import dataclass
from math import floor
from typing import ClassVar

from streamdeq.errors import StreamdeqError
from streamdeq.streaming.budget import Budget, Progress, at_least_one
from streamdeq.values.status import Stop

#: Weight of a new measurement in a running mean and deviation (as for round-trip times, RFC 6298).
GAIN_MEAN = 1 / 8
GAIN_DEVIATION = 1 / 4


@dataclass(frozen=True)
class RunningCost:
    """What something takes, learnt: running mean and mean deviation in seconds; zeros before the first time."""

    mean_s: float = 0.0
    deviation_s: float = 0.0

    def learn(self, seconds: float) -> "RunningCost":
        if not self.mean_s:
            return RunningCost(seconds, seconds / 2)
        off = abs(seconds - self.mean_s)
        return RunningCost(
            self.mean_s + GAIN_MEAN * (seconds - self.mean_s),
            self.deviation_s + GAIN_DEVIATION * (off - self.deviation_s),
        )

    def likely_s(self, deviations: float) -> float:
        """What it will hardly exceed."""
        return self.mean_s + deviations * self.deviation_s


@dataclass(frozen=True)
class FrameCosts:
    """What a `Deadline` remembers: what a step and an answer take."""

    step: RunningCost = RunningCost()
    head: RunningCost = RunningCost()


@dataclass(frozen=True)
class Pace:
    """What a `TargetFps` remembers.

    Args:
        steps: that the next frame gets.
        calm: frames on end for which one step more would have fitted.
        step, rest: what a step takes, and all else of a frame.
    """

    steps: int = 1
    calm: int = 0
    step: RunningCost = RunningCost()
    rest: RunningCost = RunningCost()


@dataclass(frozen=True)
class Deadline(Budget):
    """As many steps as fit before `seconds` have passed since the frame arrived, answer included; never fewer than one.

    Learns what a step and an answer cost here and now, and takes a step only if it, and the answer after it, will
    likely be done in time. `caution` is the number of mean deviations kept as a margin.
    """

    timed: ClassVar[bool] = True
    seconds: float
    cap: int
    caution: float = 3.0

    def __post_init__(self) -> None:
        at_least_one(self.cap)
        if self.seconds <= 0:
            raise StreamdeqError(f"a budget per frame must be more than 0 ms; got {self.seconds * 1e3:g}")

    def init(self) -> FrameCosts:
        return FrameCosts()

    def stop(self, memory: FrameCosts, progress: Progress) -> Stop | None:
        if progress.nfe >= self.cap:
            return Stop.ITERATIONS
        # A step that has just been slow is the best sign that the next one will be.
        next_s = max(memory.step.likely_s(self.caution), progress.step_s)
        ready_s = progress.elapsed_s + next_s + memory.head.likely_s(self.caution)
        # Before the first answer its cost is unknown: one step, then learn.
        return Stop.DEADLINE if ready_s > self.seconds or not memory.head.mean_s else None

    def update(self, memory: FrameCosts, progress: Progress) -> FrameCosts:
        return FrameCosts(memory.step.learn(progress.step_s), memory.head.learn(progress.head_s))


@dataclass(frozen=True)
class TargetFps(Budget):
    """As many steps per frame as a live source's rate leaves time for: fewer under load at once, more when idle slowly.

    The number of steps is settled before a frame and changes between frames only. It falls as soon as the frame no
    longer fits into its period, and rises by one when for `patience` frames one more would have fitted with room to
    spare (`fill_up` of the period): two different thresholds, so that it does not swing between them.
    """

    timed: ClassVar[bool] = True
    fps: float
    cap: int
    patience: int = 15
    fill_down: float = 0.95
    fill_up: float = 0.8

    def __post_init__(self) -> None:
        at_least_one(self.cap)
        if self.fps <= 0:
            raise StreamdeqError(f"a target frame rate must be more than 0; got {self.fps:g}")

    def init(self) -> Pace:
        return Pace()

    def stop(self, memory: Pace, progress: Progress) -> Stop | None:
        # What was settled may be above a cap that has since been lowered (`Stream.retune`).
        if progress.nfe < min(memory.steps, self.cap):
            return None
        return Stop.ITERATIONS if progress.nfe >= self.cap else Stop.TARGET_FPS

    def update(self, memory: Pace, progress: Progress) -> Pace:
        steps, calm = min(memory.steps, self.cap), memory.calm
        step = memory.step.learn(progress.step_s)
        rest = memory.rest.learn(max(0.0, progress.elapsed_s - progress.nfe * progress.step_s))
        fitting = self._fitting(step, rest, self.fill_down)
        if fitting < steps:
            steps, calm = max(1, fitting), 0
        elif steps < self.cap and self._fitting(step, rest, self.fill_up) > steps:
            calm += 1
            if calm >= self.patience:
                steps, calm = steps + 1, 0
        else:
            calm = 0
        return Pace(steps, calm, step, rest)

    def _fitting(self, step: RunningCost, rest: RunningCost, fill: float) -> int:
        """How many steps fit into this part of the period."""
        return floor((fill / self.fps - rest.likely_s(1)) / max(step.likely_s(1), 1e-9))
