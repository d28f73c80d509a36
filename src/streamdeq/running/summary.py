"""The figures of a run: frames accounted for, latency percentiles, time per stage."""

from collections import deque
from dataclasses import dataclass, field

import numpy as np
import numpy.ma

from streamdeq.results.buffered import SinkReport
from streamdeq.streaming.stream import Stats
from streamdeq.values.status import Status

#: The stages of a frame, in order; `locate` where boxes say where to look. `draw` and `encode` run beside the others,
#: on a thread of their own.
STAGES = ("decode", "locate", "inject", "solve", "head", "draw", "encode")
#: Medians and percentiles are over this many frames at the end: memory stays flat however long a run is.
WINDOW = 10_000


class Series:
    """A figure per frame: its last values and its mean over all."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self.recent: deque[float] = deque(maxlen=WINDOW)

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.recent.append(value)

    @property
    def mean(self) -> float:
        return self.total / self.count if self.count else float("nan")

    def percentile(self, q: float) -> float:
        return float(np.percentile(self.recent, q)) if self.recent else float("nan")


@dataclass
class Summary(Stats):
    """The stream's own account of frames, and figures per processed frame.

    Attributes:
        seconds: wall time of the whole run.
        note: what the source had to say at its end, such as that a file was cut short.
        sinks: what became of the records in each place they went to.
        stages_s: seconds per frame of every stage.
        answer_s: seconds from having a frame to having its answer: locate, inject, solve and head.
        nonfinite: processed frames whose solve met NaN or infinity.
    """

    reconnects: int = 0
    seconds: float = 0.0
    note: str = ""
    sinks: list[SinkReport] = field(default_factory=list)
    stages_s: dict[str, Series] = field(default_factory=lambda: {stage: Series() for stage in STAGES})
    answer_s: Series = field(default_factory=Series)
    nfe: Series = field(default_factory=Series)
    residual: Series = field(default_factory=Series)
    nonfinite: int = 0

    @property
    def fps(self) -> float:
        """Frames per second of wall time, everything included."""
        return self.processed / self.seconds if self.seconds else 0.0

    def count(self, decode_s: float, status: Status) -> None:
        """Add a processed frame's figures; what drawing and encoding took is added by who does it."""
        for stage, seconds in stages_of(decode_s, status).items():
            self.stages_s[stage].add(seconds)
        self.answer_s.add(status.answer_s)
        self.nfe.add(status.nfe)
        self.residual.add(status.residual)
        self.nonfinite += status.failed

    def account(self) -> str:
        """Every frame of the run, its seconds and its rate, in a line."""
        return (
            f"{self.decoded} frames decoded = {self.processed} processed + {self.dropped} dropped "
            f"+ {self.failed} failed, {self.seconds:.1f} s, {self.fps:.1f} fps"
        )

    def latency_ms(self) -> dict[str, float]:
        """Percentiles of the time from having a frame to having its answer."""
        return {f"p{q}": 1e3 * self.answer_s.percentile(q) for q in (50, 95, 99)}

    def stage_ms(self) -> dict[str, float]:
        """Median milliseconds per frame of every stage that took place."""
        return {stage: 1e3 * series.percentile(50) for stage, series in self.stages_s.items() if series.count}


def stages_of(decode_s: float, status: Status) -> dict[str, float]:
    """Seconds of every stage that took place, up to the answer."""
    located = {} if status.locate_s is None else {"locate": status.locate_s}
    solved = {"inject": status.inject_s, "solve": status.solve_s, "head": status.read_s}
    return {"decode": decode_s, **located, **solved}
