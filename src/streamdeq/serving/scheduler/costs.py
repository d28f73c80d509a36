"""What work on a pool of rows costs on this machine: measured before, corrected while it is used."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

#: A batch is larger than another only if its rows are cheaper by more than this part.
GAIN = 0.05
#: How far one tick moves the figures towards what it took, and the factor that one tick may be off and be believed:
#: who was held up by something else is no slower for it.
MOVE, FAR = 0.1, 4.0


@dataclass
class Spent:
    """What a tick's work on a pool took: seconds for the frames that started, the rows that stepped together and the
    answers that were read, and how many of each there were; and those for answers on their way out."""

    starts: int = 0
    start_s: float = 0.0
    rows: int = 0
    step_s: float = 0.0
    reads: int = 0
    read_s: float = 0.0
    answers: int = 0
    answer_s: float = 0.0


@dataclass(frozen=True)
class Costs:
    """Seconds.

    Args:
        steps: (rows, seconds) of one application of f for so many rows at once, from 1 row up; none may be 0.
        start_s: from a frame to its injection, a row in a batch.
        read_s: an answer, likewise.
        answer_s: from there until it is out, beside whatever is done next.
        pace: what steps take now over what they took when they were measured.
        cap: rows that are worth a batch: the fewest whose rows are about as cheap as they get; 0: as the steps say.
    """

    steps: tuple[tuple[int, float], ...]
    start_s: float
    read_s: float
    answer_s: float = 0.0
    pace: float = 1.0
    cap: int = 0
    _by_rows: tuple[float, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        rows, seconds = [n for n, _ in self.steps], [s for _, s in self.steps]
        if rows[:1] != [1] or rows != sorted(set(rows)) or min(seconds) <= 0:
            raise ValueError(f"expected seconds above 0 for rows from 1 up, got {self}")
        if min(self.start_s, self.read_s, self.answer_s) < 0:
            raise ValueError(f"expected seconds, got {self}")
        if not self._by_rows:
            object.__setattr__(self, "cap", self.cap or worth(self.steps))
            object.__setattr__(self, "_by_rows", _by_rows(self.steps))

    def row_s(self, rows: int) -> float:
        """Of a row's step where there are so many to make batches of."""
        batch = max(1, min(self.cap, rows))
        return self.step_s(batch) / batch

    def step_s(self, rows: int) -> float:
        """Of one step for so many rows: between and behind those measured on a straight line."""
        most = len(self._by_rows) - 1
        if rows <= most:
            return self.pace * self._by_rows[rows]
        return self.pace * self._by_rows[most] * rows / most

    def seen(self, spent: Spent) -> "Costs":
        """Moved towards what a tick took."""
        pace, start_s, read_s, answer_s = self.pace, self.start_s, self.read_s, self.answer_s
        if spent.rows:
            pace *= _moved(1.0, spent.step_s / self.step_s(spent.rows))
        if spent.starts:
            start_s = _moved(start_s, spent.start_s / spent.starts)
        if spent.reads:
            read_s = _moved(read_s, spent.read_s / spent.reads)
        if spent.answers:
            answer_s = _moved(answer_s, spent.answer_s / spent.answers)
        return replace(self, start_s=start_s, read_s=read_s, answer_s=answer_s, pace=pace)


def worth(batches: Sequence[tuple[int, float]]) -> int:
    """The fewest rows whose rows are about as cheap as they get, of (rows, seconds)."""
    cheapest = min(seconds / rows for rows, seconds in batches)
    return next(rows for rows, seconds in batches if seconds / rows <= cheapest * (1 + GAIN))


def _by_rows(steps: tuple[tuple[int, float], ...]) -> tuple[float, ...]:
    """Seconds for 0, 1, 2, … rows, up to the most that were measured."""
    seconds = [0.0, steps[0][1]]
    for (before, before_s), (after, after_s) in pairwise(steps):
        each_s = (after_s - before_s) / (after - before)
        seconds += [before_s + n * each_s for n in range(1, after - before + 1)]
    return tuple(seconds)


def _moved(known: float, seen: float) -> float:
    return known + MOVE * (min(seen, FAR * known or seen) - known)
