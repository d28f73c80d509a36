"""What work on a pool of rows costs here, measured in a second or two before its first frame."""

from collections.abc import Callable
from functools import partial
from time import perf_counter

import numpy as np

from streamdeq.serving.scheduler import Costs
from streamdeq.streaming.engine import Engine, Row
from streamdeq.values.frame import Frame
from streamdeq.values.geometry import HW

#: Rows at the most, and seconds after which no larger batch is tried; the first two are whatever they take. Where one
#: row takes 50 ms, half a second ends at batches of two, which have a quarter less through than batches of eight.
MOST_ROWS, PATIENCE_S = 64, 1.5
#: Larger batches are tried as long as the last one made rows cheaper by this part.
GAIN = 0.03
TIMES = 2


def measure(engine: Engine, frame_hw: HW, like: Costs | None = None) -> Costs:
    """The costs of frames of a size, by rows opened for it and closed again.

    Args:
        like: of frames of another size: how rows share a batch is taken from there, and no other camera waits long.
    """
    frame = Frame(np.random.default_rng(0).integers(0, 255, (*frame_hw, 3), np.uint8), 0, 0.0)
    rows = [engine.open()]
    try:
        _answer(engine, rows, frame)  # whatever is made at the first use
        began = perf_counter()
        start_s = _least(partial(engine.observe, rows, [frame]), engine)
        steps = [(1, _least(partial(engine.iterate, rows), engine))]
        read_s = _least(partial(engine.read, rows), engine)
        if like is not None:
            steps = [(n, seconds * steps[0][1] / like.step_s(1)) for n, seconds in like.steps]
            return Costs(tuple(steps), start_s, read_s)
        while 2 * len(rows) <= MOST_ROWS and (len(steps) < 2 or perf_counter() - began < PATIENCE_S):
            more = [engine.open() for _ in rows]
            rows += more
            engine.observe(more, [frame] * len(more))
            engine.iterate(rows)
            steps.append((len(rows), _least(partial(engine.iterate, rows), engine)))
            (before, before_s), (now, now_s) = steps[-2:]
            if len(steps) > 2 and now_s / now > (1 - GAIN) * before_s / before:
                break
        return Costs(tuple(steps), start_s, read_s)
    finally:
        for row in rows:
            engine.close(row)


def _answer(engine: Engine, rows: list[Row], frame: Frame) -> None:
    engine.observe(rows, [frame] * len(rows))
    engine.iterate(rows)
    engine.read(rows)


def _least(work: Callable[[], object], engine: Engine) -> float:
    """Seconds of the quickest of a few times."""
    seconds = []
    for _ in range(TIMES):
        began = perf_counter()
        work()
        engine.functions.wait()
        seconds.append(perf_counter() - began)
    return min(seconds)
