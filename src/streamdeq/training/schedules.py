"""How the learning rate goes over a run, from its peak and the step.

Legend: step, of the optimiser, the first is 0; steps, of the whole run; peak, the recipe's rate.
"""

import math
from dataclasses import dataclass

from streamdeq.errors import require


@dataclass(frozen=True)
class Cosine:
    """Linear from 0 to the peak over `warmup` steps, then a half cosine, step by step, to `final` times the peak."""

    warmup: int = 100
    final: float = 0.0

    def __post_init__(self) -> None:
        require(self.warmup >= 0, "schedule.warmup", "at least 0", self.warmup)
        require(0 <= self.final <= 1, "schedule.final", "in [0, 1]", self.final)

    def rate(self, peak: float, step: int, steps: int) -> float:
        if step < self.warmup:
            return peak * (step + 1) / self.warmup
        through = (step - self.warmup) / max(1, steps - self.warmup)
        cosine = (1 + math.cos(math.pi * min(1.0, through))) / 2
        return peak * (self.final + (1 - self.final) * cosine)


@dataclass(frozen=True)
class Poly:
    """peak · (1 − step/steps)^power: HRNet's and MDEQ's, where no other is named."""

    power: float = 0.9

    def __post_init__(self) -> None:
        require(self.power > 0, "schedule.power", "more than 0", self.power)

    def rate(self, peak: float, step: int, steps: int) -> float:
        return peak * max(0.0, 1 - step / steps) ** self.power


@dataclass(frozen=True)
class Stepwise:
    """The peak, times `factor` from each step of `at` on; before that linear from `begin` times the peak over `warmup`
    steps.

    The detector's, in epochs of e steps: Stepwise((2 * e, 5 * e), warmup=500). The pose net's: at 170 and 200 epochs.
    """

    at: tuple[int, ...]
    factor: float = 0.1
    warmup: int = 0
    begin: float = 1 / 3

    def __post_init__(self) -> None:
        require(list(self.at) == sorted(self.at), "schedule.at", "steps in ascending order", self.at)
        require(0 < self.factor <= 1, "schedule.factor", "in (0, 1]", self.factor)
        require(self.warmup >= 0, "schedule.warmup", "at least 0", self.warmup)
        require(0 < self.begin <= 1, "schedule.begin", "in (0, 1]", self.begin)

    def rate(self, peak: float, step: int, steps: int) -> float:
        rate = peak * self.factor ** sum(step >= milestone for milestone in self.at)
        if step < self.warmup:
            rate *= self.begin + (1 - self.begin) * step / self.warmup
        return rate


Schedule = Cosine | Poly | Stepwise
