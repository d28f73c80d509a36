"""What work on a pool of rows costs here, measured in a second or two before its first frame."""

from collections.abc import Callable, Sequence
from functools import partial
from time import perf_counter
from typing import NamedTuple

import numpy as np

from streamdeq.serving.scheduler import Costs
from streamdeq.serving.scheduler.costs import worth
from streamdeq.streaming.engine import Engine, Row
from streamdeq.values.frame import Frame
from streamdeq.values.geometry import HW

#: Rows at the most, and seconds after which no larger batch is tried; the first two are whatever they take. Where one
#: row takes 50 ms, half a second ends at batches of two, which have a quarter less through than batches of eight.
MOST_ROWS, PATIENCE_S = 64, 3.0
#: Larger batches are tried as long as the last one made rows cheaper by this part.
GAIN = 0.03
#: How often every size is timed, in turns: a moment's noise must not choose the batch.
TURNS = 5


class Taken(NamedTuple):
    """Seconds for so many rows: to start their frames, to step them and to read them."""

    rows: int
    start_s: float
    step_s: float
    read_s: float

    @property
    def all_s(self) -> float:
        """Of a frame of one step, where batches count most."""
        return self.start_s + self.step_s + self.read_s

    def least(self, other: "Taken") -> "Taken":
        """Of two times the same: what else the machine does makes it only longer."""
        return Taken(self.rows, *map(min, self[1:], other[1:]))


def measure(engine: Engine, frame_hw: HW, like: Costs | None = None) -> Costs:
    """The costs of frames of a size, by rows opened for it and closed again.

    Args:
        like: of frames of another size: how rows share a batch is taken from there, and no other camera waits long.
    """
    frame = Frame(np.random.default_rng(0).integers(0, 255, (*frame_hw, 3), np.uint8), 0, 0.0)
    rows = [engine.open(), engine.open()]
    try:
        for some in (rows[:1], rows):
            _taken(engine, some, frame)  # whatever is made at the first use of one, and of several
        engine.close(rows.pop())
        began = perf_counter()
        found = [_taken(engine, rows, frame)]
        [output] = engine.outputs(rows)
        answer_s = min(_seconds(output.answer, engine) for _ in range(2))
        most, patience_s = (MOST_ROWS, PATIENCE_S) if like is None else (min(2, like.cap), 0.0)
        while 2 * len(rows) <= most and (len(found) < 2 or perf_counter() - began < patience_s):
            rows += [engine.open() for _ in rows]
            found.append(_taken(engine, rows, frame))
            before, now = found[-2:]
            if len(found) > 2 and now.all_s / now.rows > (1 - GAIN) * before.all_s / before.rows:
                break
        for _ in range(TURNS - 1):
            if perf_counter() - began < patience_s:
                found = [one.least(_timed(engine, rows[: one.rows], frame)) for one in found]
        return costs_of(found, answer_s, like)
    finally:
        for row in rows:
            engine.close(row)


def costs_of(found: Sequence[Taken], answer_s: float, like: Costs | None = None) -> Costs:
    """From what batches took, one row first: starting and reading by the row as in the batches that are worth it."""
    cap = worth([(one.rows, one.all_s) for one in found])
    of_cap = next(one for one in found if one.rows == cap)
    steps = [(one.rows, one.step_s) for one in found]
    if like is not None:
        cap, steps = like.cap, [(n, seconds * found[0].step_s / like.step_s(1)) for n, seconds in like.steps]
    return Costs(tuple(steps), of_cap.start_s / of_cap.rows, of_cap.read_s / of_cap.rows, answer_s, cap=cap)


def _taken(engine: Engine, rows: list[Row], frame: Frame) -> Taken:
    _timed(engine, rows, frame)  # whatever is made at the first use of so many
    return _timed(engine, rows, frame)


def _timed(engine: Engine, rows: list[Row], frame: Frame) -> Taken:
    start_s = _seconds(partial(engine.observe, rows, [frame] * len(rows)), engine)
    step_s = _seconds(partial(engine.iterate, rows), engine)
    return Taken(len(rows), start_s, step_s, _seconds(partial(engine.outputs, rows), engine))


def _seconds(work: Callable[[], object], engine: Engine) -> float:
    began = perf_counter()
    work()
    engine.functions.wait()
    return perf_counter() - began
