"""How long to wait before a live source is tried again."""

from random import Random

from streamdeq.values.live import Patience


class Backoff:
    """Seconds to wait before each attempt in a row: doubling, bounded, shortened by up to a half at random."""

    def __init__(self, patience: Patience, random: Random) -> None:
        self._first_s, self._longest_s = patience.first_delay_s, patience.longest_delay_s
        self._random = random
        self._bound_s = self._first_s

    def reset(self) -> None:
        self._bound_s = self._first_s

    def next_s(self) -> float:
        bound_s = min(self._bound_s, self._longest_s)
        self._bound_s = min(2 * bound_s, self._longest_s)
        return bound_s * self._random.uniform(0.5, 1.0)
