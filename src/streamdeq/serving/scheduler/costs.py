"""What work on a pool of rows costs on this machine: measured before, corrected while it is used."""

from dataclasses import dataclass

#: A batch is larger than another only if its rows are cheaper by more than this part.
GAIN = 0.03
#: How far one tick moves the figures towards what it took, and the factor that one tick may be off and be believed:
#: who was held up by something else is no slower for it.
MOVE, FAR = 0.1, 4.0


@dataclass
class Spent:
    """What a tick's work on a pool took: seconds for the frames that started, the rows that stepped together and the
    answers that were read, and how many of each there were."""

    starts: int = 0
    start_s: float = 0.0
    rows: int = 0
    step_s: float = 0.0
    reads: int = 0
    read_s: float = 0.0


@dataclass(frozen=True)
class Costs:
    """Seconds.

    Args:
        steps: (rows, seconds) of one application of f for so many rows at once, from 1 row up; none may be 0.
        start_s: from a frame to its injection.
        read_s: an answer.
    """

    steps: tuple[tuple[int, float], ...]
    start_s: float
    read_s: float

    def __post_init__(self) -> None:
        rows, seconds = [n for n, _ in self.steps], [s for _, s in self.steps]
        if rows[:1] != [1] or rows != sorted(set(rows)) or min(seconds) <= 0 or min(self.start_s, self.read_s) < 0:
            raise ValueError(f"expected seconds above 0 for rows from 1 up, got {self}")

    @property
    def cap(self) -> int:
        """Rows that are worth a batch: the fewest whose rows are about as cheap as they get."""
        cheapest = min(seconds / rows for rows, seconds in self.steps)
        return next(rows for rows, seconds in self.steps if seconds / rows <= cheapest * (1 + GAIN))

    def row_s(self, rows: int) -> float:
        """Of a row's step where there are so many to make batches of."""
        batch = max(1, min(self.cap, rows))
        return self.step_s(batch) / batch

    def step_s(self, rows: int) -> float:
        """Of one step for so many rows: between and behind those measured on a straight line."""
        before = self.steps[0]
        for after in self.steps:
            if rows <= after[0]:
                part = (rows - before[0]) / max(1, after[0] - before[0])
                return before[1] + part * (after[1] - before[1])
            before = after
        return before[1] * rows / before[0]

    def seen(self, spent: Spent) -> "Costs":
        """Moved towards what a tick took."""
        steps = self.steps
        if spent.rows:
            factor = _moved(1.0, spent.step_s / self.step_s(spent.rows))
            steps = tuple((rows, seconds * factor) for rows, seconds in steps)
        start_s = _moved(self.start_s, spent.start_s / spent.starts) if spent.starts else self.start_s
        read_s = _moved(self.read_s, spent.read_s / spent.reads) if spent.reads else self.read_s
        return Costs(steps, start_s, read_s)


def _moved(known: float, seen: float) -> float:
    return known + MOVE * (min(seen, FAR * known or seen) - known)
