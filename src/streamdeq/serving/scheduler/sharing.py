"""Whose turn it is: deficit round robin, weighted (Shreedhar and Varghese, SIGCOMM 1995), for steps of one cost."""

from collections.abc import Mapping, Sequence
from math import ceil


class RoundRobin:
    """A ring of names. In every round each that wants something earns credit by its weight, and a turn costs 1.

    Those that want nothing earn nothing and keep what they have, which is less than a turn and a round's worth.
    """

    def __init__(self) -> None:
        self._credit: dict[str, float] = {}
        self._place: dict[str, int] = {}
        self._turn = 0

    def add(self, name: str) -> None:
        self._credit[name] = 0.0
        self._place[name] = max(self._place.values(), default=-1) + 1

    def remove(self, name: str) -> None:
        del self._credit[name], self._place[name]

    def order(self, weights: Mapping[str, float]) -> list[str]:
        """The names, whose turn comes first in front."""
        rounds = self._rounds(weights)
        size = max(self._place.values(), default=0) + 1
        return sorted(weights, key=lambda name: (rounds[name], (self._place[name] - self._turn) % size))

    def taken(self, weights: Mapping[str, float], chosen: Sequence[str]) -> None:
        """The first of that order have had their turn."""
        if not chosen:
            return
        rounds, most = self._rounds(weights), max(weights.values())
        passed = max(rounds[name] for name in chosen)
        for name, weight in weights.items():
            self._credit[name] = min(self._credit[name] + passed * weight / most, 1 + weight / most)
        for name in chosen:
            self._credit[name] -= 1
        self._turn = self._place[chosen[-1]] + 1

    def _rounds(self, weights: Mapping[str, float]) -> dict[str, int]:
        """Rounds until each has credit for a turn."""
        most = max(weights.values(), default=1.0)
        return {name: max(0, ceil((1 - self._credit[name]) * most / weights[name])) for name in weights}
