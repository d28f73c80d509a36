"""From time stamps that may be missing, repeat, jump or begin anew to one strictly increasing time."""

from __future__ import annotations

import math
from fractions import Fraction

# Frames that claim the same time or a slightly earlier one are shown so much after their predecessor.
LEAST_STEP_S = 1e-4


class Clock:
    """Seconds since the start, from stamps where they can be trusted, else from the caller's own reckoning.

    Where stamps begin anew or jump, time goes on as the caller reckons and follows the new stamps from there.

    Args:
        origin: the stamp of time 0, in seconds, if the first is not before it; None: the first one is the caller's.
        longest_jump_s: stamps may run ahead of the caller's reckoning by so much.
        longest_step_back_s: stamps may step back by so much without having begun anew.

    Attributes:
        time_s: of the last frame; minus infinity before the first.
        jumps: how often stamps began anew or jumped.
    """

    def __init__(
        self,
        origin: Fraction | float | None = None,
        longest_jump_s: float = math.inf,
        longest_step_back_s: float = 1.0,
    ) -> None:
        self.longest_jump_s = longest_jump_s
        self._longest_step_back_s = longest_step_back_s
        self.time_s = -math.inf
        self.jumps = 0
        self._anchor = None if origin is None else (origin, 0.0)
        self._last: tuple[Fraction | float, float] | None = None

    def restart(self) -> None:
        """The next stamp is of another clock: it belongs to the caller's time."""
        self._anchor = self._last = None

    def at(self, stamp: Fraction | float | None, own_s: float) -> float:
        """The time of the next frame.

        Args:
            stamp: the frame's own, in seconds; None where it has none.
            own_s: its time as far as the caller can tell without stamps.
        """
        time_s = own_s
        if stamp is not None:
            if self._last is not None and self._jumped(stamp, self._last, own_s):
                self.jumps += 1
                self._anchor = None
            if self._anchor is None or (self._last is None and stamp < self._anchor[0]):
                self._anchor = (stamp, max(own_s, self.time_s))
            time_s = self._anchor[1] + float(stamp - self._anchor[0])
            self._last = (stamp, own_s)
        time_s = max(0.0, time_s)
        self.time_s = time_s if time_s > self.time_s else self.time_s + LEAST_STEP_S
        return self.time_s

    def _jumped(self, stamp: Fraction | float, last: tuple[Fraction | float, float], own_s: float) -> bool:
        step_s = float(stamp - last[0])
        return step_s < -self._longest_step_back_s or step_s > max(0.0, own_s - last[1]) + self.longest_jump_s
