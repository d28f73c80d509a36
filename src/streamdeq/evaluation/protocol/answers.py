"""Every answer that an evaluation scores: frames solved alone and streams, many rows at a time."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from streamdeq.evaluation.protocol.frames import FrameCache
from streamdeq.evaluation.protocol.plan import Chain, Sample
from streamdeq.streaming.engine import Engine, Row
from streamdeq.streaming.loop import run_steps
from streamdeq.streaming.options import StartFrom
from streamdeq.streaming.start import Begin
from streamdeq.tasks import Result


@dataclass(frozen=True)
class Streaming:
    """How streams are run: how their frames `begin`, and the picture that comes `before` a chain's first frame."""

    begin: Begin
    before: Callable[[Chain], np.ndarray] | None = None


class _Visit(NamedTuple):
    """A frame that a row streams over, the offsets at which its answer is scored, and the chain that begins with it."""

    sample: Sample
    offsets: list[int | None]
    begins: Chain | None


def _visits(waiting: deque[Chain]) -> Iterator[_Visit]:
    """All frames of one chain after another; several rows may take their chains from the same queue."""
    while waiting:
        chain = waiting.popleft()
        for had in range(chain.frames):
            offsets = [read.offset for read in chain.reads if read.after == had]
            yield _Visit(Sample(chain.clip, chain.start + had), offsets, None if had else chain)


@dataclass(frozen=True)
class Batch:
    """At most `size` rows of one engine, computed together; `on_step` is called for every step of each."""

    engine: Engine
    size: int
    frames: FrameCache
    on_step: Callable[[], None]

    def single(self, samples: Sequence[Sample], counts: Sequence[int]) -> Iterator[tuple[int, Sample, Result]]:
        """(count, sample, answer): one solve from zeros per frame, read at every count (ascending) on its way."""
        rows = [self.engine.open() for _ in range(min(self.size, len(samples)))]
        for begin in range(0, len(samples), len(rows)):
            some = samples[begin : begin + len(rows)]
            active, done = rows[: len(some)], 0
            self.engine.observe(active, [self.frames.frame(sample) for sample in some], keep=False)
            for count in counts:
                evaluations = self.engine.solver.evaluations(count)
                results = run_steps(self.engine, active, evaluations - done, on_step=partial(self._told, len(active)))
                done = evaluations
                for sample, result in zip(some, results, strict=True):
                    yield count, sample, result

    def stream(
        self, chains: Sequence[Chain], iterations: int, how: Streaming
    ) -> Iterator[tuple[int | None, Sample, Result]]:
        """(offset, sample, answer) of all chains. A row whose chain has ended takes up the next one at once."""
        evaluations, waiting = self.engine.solver.evaluations(iterations), deque(chains)
        lanes = [(self.engine.open(), _visits(waiting)) for _ in range(min(self.size, len(chains)))]
        # Rows keep their order, so that they stay behind one another in memory and are not copied.
        while now := [(row, visit) for row, visits in lanes if (visit := next(visits, None)) is not None]:
            for row, visit in now:
                if visit.begins:
                    self.engine.reset(row)
            due = [(row, visit) for row, visit in now if visit.offsets]
            results = self._frame(now, [row for row, _ in due], evaluations, how)
            for (_, visit), result in zip(due, results, strict=True):
                for offset in visit.offsets:
                    yield offset, visit.sample, result

    def _frame(self, now: list[tuple[Row, _Visit]], read: list[Row], evaluations: int, how: Streaming) -> list[Any]:
        others: list[np.ndarray | None] = []
        if how.before:
            others = [how.before(visit.begins) if visit.begins else None for _, visit in now]
        frames = [self.frames.frame(visit.sample) for _, visit in now]
        rows = [row for row, _ in now]
        return how.begin.run(self.engine, rows, frames, evaluations, others=others, read=read, on_rows=self._told)

    def _told(self, rows: int, step: int = 1) -> None:
        for _ in range(rows):
            self.on_step()


def steps_of(chain: Chain, evaluations: int, reference: int, start: StartFrom) -> int:
    """Applications of `f` for all frames of a chain, with as many for a frame and for a reference."""
    match start:
        case StartFrom.REFERENCE:
            return reference + (chain.frames - 1) * evaluations
        case StartFrom.REFERENCE_EACH:
            return reference * max(1, chain.frames - 1) + (chain.frames - 1) * evaluations
        case StartFrom.OTHER:
            return reference + chain.frames * evaluations
    return chain.frames * evaluations
