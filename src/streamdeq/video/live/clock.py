"""From a live source's time stamps to seconds since its first frame."""

from __future__ import annotations

# Stamps may run ahead of what arrives by so much (a burst after a jam), and step back by so much (jitter).
LONGEST_JUMP_S = 10.0
LONGEST_STEP_BACK_S = 1.0


class LiveClock:
    """One clock over all connections: a connection's own stamps inside it, our clock from one to the next.

    A camera's stamps are precise from frame to frame but begin anywhere, and anew with every connection; frames
    without a stamp take the time they arrived. The times given never decrease.
    """

    def __init__(self) -> None:
        self._first_captured_s: float | None = None
        self._anchor: tuple[float, float] | None = None
        self._last: tuple[float, float] = (0.0, 0.0)
        self._last_time_s = 0.0
        self._trusting = False

    def connected(self, *, recorded: bool) -> None:
        """Stamps begin anew. Those of a recording are right even where they do not pass as our time does."""
        self._anchor = None
        self._trusting = recorded

    def time_s(self, stamp_s: float | None, captured_s: float) -> float:
        """Args: the frame's own stamp and when it arrived (`time.monotonic`), both in seconds."""
        if self._first_captured_s is None:
            self._first_captured_s = captured_s
        time_s = captured_s - self._first_captured_s
        if stamp_s is not None:
            if self._anchor is None or self._jumped(stamp_s, captured_s):
                self._anchor = (stamp_s, max(time_s, self._last_time_s))
            time_s = self._anchor[1] + stamp_s - self._anchor[0]
            self._last = (stamp_s, captured_s)
        self._last_time_s = max(time_s, self._last_time_s)
        return self._last_time_s

    def _jumped(self, stamp_s: float, captured_s: float) -> bool:
        stamps_s, ours_s = stamp_s - self._last[0], captured_s - self._last[1]
        ahead = stamps_s > ours_s + LONGEST_JUMP_S and not self._trusting
        return ahead or stamps_s < -LONGEST_STEP_BACK_S
