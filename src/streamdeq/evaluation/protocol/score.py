"""What an evaluation measures under one condition."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from streamdeq.evaluation.bootstrap import Figure, Resamples, interval
from streamdeq.evaluation.protocol.plan import Sample
from streamdeq.tasks import Metric, Result


class Mode(StrEnum):
    SINGLE = "single"
    STREAMING = "streaming"
    CONTINUOUS = "continuous"


@dataclass(frozen=True)
class Condition:
    """Under which answers are scored; `offset` is that of streaming, else None."""

    mode: Mode
    iterations: int
    offset: int | None = None

    @property
    def name(self) -> str:
        return f"{self.mode}-{self.iterations}" + ("" if self.offset is None else f"-{self.offset}")


@dataclass(eq=False)
class Score:
    """What was measured under a condition.

    Args:
        total: the metric over all frames.
        pieces: the same metric of each frame alone: what to draw bootstrap intervals from.
        nfe: applications of `f` spent on the scored frame.
        failed: answers whose solve met a non-finite value.
    """

    total: Metric
    pieces: dict[Sample, Metric] = field(default_factory=dict)
    nfe: int = 0
    failed: int = 0

    def add(self, sample: Sample, piece: Metric, result: Result, target: Any) -> None:
        """Score one answer. `piece` is a fresh metric."""
        piece.update(result, target)
        self.merge({sample: piece}, result.status.nfe, result.status.failed)

    def merge(self, pieces: Mapping[Sample, Metric], nfe: int, failed: int) -> None:
        """Add what was scored elsewhere."""
        for sample, piece in pieces.items():
            self.pieces[sample] = piece
            self.total.merge(piece)
        self.nfe, self.failed = nfe, self.failed + failed

    def figure(self, draws: Resamples | None, name: str | None = None) -> Figure:
        """One of the task's figures, by name; None for the one that stands for it."""
        name = name or self.total.name
        value = self.total.figure(name)
        within = interval(draws.figures(self.pieces, name)) if draws else None
        return Figure(None if np.isnan(value) else value, within)
