"""What a film shows of answers that are far from converged: the one before."""

from typing import Generic, TypeVar

from streamdeq.tasks import Result
from streamdeq.values.status import Start

R = TypeVar("R", bound=Result)
#: An answer is shown for so many further frames at the most.
LONGEST = 5


class Steady(Generic[R]):
    """For a picture that does not flicker where the scene changes faster than the steps follow.

    An answer whose residual is above `most` waits, and the last that was below it stays in its place. The first of a
    shot is shown as it is. Records and counts are of the answers themselves.
    """

    def __init__(self, most: float) -> None:
        self._most = most
        self._shown: R | None = None
        self._held = 0

    def shown(self, result: R) -> R:
        """In the order of the frames: what is drawn on the frame of this answer."""
        status = result.status
        begins = status.start == Start.COLD or status.cut
        if self._shown is None or begins or not status.residual > self._most or self._held >= LONGEST:
            self._shown, self._held = result, 0
        else:
            self._held += 1
        return self._shown
