"""How much of the machine the cameras ask for, and whether one more can be served."""

from dataclasses import dataclass

from streamdeq.errors import StreamdeqError

#: Of the machine at the least steps that may be asked for: what is left is for what nobody measures.
MOST = 0.95


@dataclass(frozen=True)
class Demand:
    """The part of the machine a camera asks for: at its least steps and at all its steps; 1 is all of it."""

    least: float
    full: float


@dataclass(frozen=True)
class Load:
    """Arrivals over measured capacity, all cameras together.

    Attributes:
        least: every frame with its camera's fewest steps; above 1 frames are dropped.
        full: with the most; above 1 frames get fewer.
        cameras: how many there are.
    """

    least: float
    full: float
    cameras: int

    def check_room(self, name: str, fps: float, steps: int, demand: Demand) -> None:
        """Raise StreamdeqError unless a camera's demand can be met beside these."""
        if self.least + demand.least <= MOST:
            return
        raise StreamdeqError(
            f"camera '{name}' is not admitted: {fps:.3g} frames per second at {steps} step{'s' * (steps != 1)} take "
            f"{demand.least:.0%} of this machine, {self.least:.0%} is taken by {self.cameras} other"
            f"{'s' * (self.cameras != 1)}, and {MOST:.0%} may be; give it a lower fps, min_steps or size, or remove "
            "another"
        )
