"""How well a detector finds cuts: precision, recall, latency, over clips whose cuts are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from streamdeq.api import Model
from streamdeq.evaluation.cuts.clips import CutClip
from streamdeq.streaming.advance import advance
from streamdeq.streaming.options import StreamOptions
from streamdeq.values.frame import Frame

#: A cut counts as found when it is reported at its first frame or the one after.
LATEST = 1


@dataclass(frozen=True)
class CutTrace:
    """Of one clip: the frames that were called cuts, and the detector's value after every frame."""

    found: tuple[int, ...]
    values: tuple[Any, ...]


@dataclass(frozen=True)
class CutScore:
    """What was found in some clips.

    Args:
        frames: of all clips.
        cuts: that there are.
        delays: frames between a cut and its report, for every cut that was found.
        alarms: reports where there was no cut.
        missed: cuts that were not found, or reported later than `LATEST` frames.
    """

    frames: int
    cuts: int
    delays: tuple[int, ...]
    alarms: int
    missed: int

    @property
    def precision(self) -> float:
        """Of the reports, how many were right, 0–1; NaN without a report."""
        reports = len(self.delays) + self.alarms
        return len(self.delays) / reports if reports else float("nan")

    @property
    def recall(self) -> float:
        """Of the cuts, how many were found, 0–1; NaN without a cut."""
        return len(self.delays) / self.cuts if self.cuts else float("nan")


def trace_stream(model: Model, clip: CutClip, options: StreamOptions) -> CutTrace:
    """Stream a clip and write down which frames were called cuts."""
    state = model.begin(options)
    found, values = [], []
    for t, image in enumerate(clip.images):
        result, state = advance(Frame(image, t, 0.0), state)
        values.append(state.seen)
        if result.status.cut:
            found.append(t)
    state.engine.close(state.row)
    return CutTrace(tuple(found), tuple(values))


def score_cuts(clips: Sequence[CutClip], traces: Sequence[CutTrace]) -> CutScore:
    """Each cut takes the first report from it on, up to `LATEST` frames later; what is left over are false alarms."""
    delays, alarms = [], 0
    for clip, trace in zip(clips, traces, strict=True):
        left = list(trace.found)
        for cut in clip.cuts:
            taken = next((t for t in left if cut <= t <= cut + LATEST), None)
            if taken is not None:
                left.remove(taken)
                delays.append(taken - cut)
        alarms += len(left)
    cuts = sum(len(clip.cuts) for clip in clips)
    return CutScore(sum(len(clip.images) for clip in clips), cuts, tuple(delays), alarms, cuts - len(delays))


def margins(clips: Sequence[CutClip], traces: Sequence[CutTrace], floor: float) -> tuple[float, float]:
    """How far apart cuts and the rest are for a residual detector: what a threshold can be set between.

    Returns:
        The largest ratio of a first residual of at least `floor` to its level among frames that are no cut, and
        the smallest among cuts; NaN where there is none.
    """
    quiet, cuts = [], []
    for clip, trace in zip(clips, traces, strict=True):
        for t, (before, after) in enumerate(pairwise(trace.values), start=1):
            residual = after[-1]
            if t in clip.cuts:
                cuts.append(residual / max(before))
            elif residual >= floor:
                quiet.append(residual / max(before))
    return max(quiet, default=float(np.nan)), min(cuts, default=float(np.nan))
