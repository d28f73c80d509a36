"""How sure a figure is: percentile bootstrap intervals over the scored frames.

A resample is put together from *blocks* of neighbouring frames (moving blocks, Künsch 1989; taken around the end of a
clip, so that its first and last frames are drawn as often as the others, Politis & Romano 1992). Neighbours in a video
show nearly the same picture and are wrong in the same places: drawn one by one they would count as independent
evidence and the interval would be far too narrow. Blocks never reach into another film; where every film has one
scored frame, blocks are frames and this is Efron's bootstrap. What several clips show of one frame, an instance each,
is drawn with that frame.

A block is as long as the square root of the number of frames of the longest film (9 of CamVid's 81): it has to grow
with the film and to stay short against it. The third root is best where correlation dies out within a few frames
(Hall, Horowitz & Jing 1995); an error lasts as long as its object is in view, so we take longer blocks, which err
towards wider intervals. A fixed rule gives all figures over the same frames the same resamples: two figures can be
compared resample by resample.

Where there are `FILMS` films or more, what is drawn is whole films: they are independent, and enough to tell how
much films differ.

What no resampling of one clip can tell is how another drive would have gone.
"""

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.plan import Sample
from streamdeq.tasks import Metric

RESAMPLES = 1000
LEVEL = 0.95
#: So many films or more are drawn whole.
FILMS = 50
#: What is shown in the place of a figure that does not exist.
NOTHING = "–"


@dataclass(frozen=True)
class Interval:
    """Where the figure lies in `LEVEL` of the resamples."""

    low: float
    high: float


@dataclass(frozen=True)
class Figure:
    """A value of a metric with its interval; None where nothing was counted, and where none was drawn."""

    value: float | None
    interval: Interval | None = None

    def text(self, digits: int = 1) -> str:
        """`58.4`, or `58.4 (55.9–60.6)` where there is an interval, or a dash."""
        if self.value is None:
            return NOTHING
        value = f"{self.value:.{digits}f}"
        if self.interval is None:
            return value
        return f"{value} ({self.interval.low:.{digits}f}–{self.interval.high:.{digits}f})"


@dataclass(frozen=True, eq=False)
class Resamples:
    """The resamples of a set of frames.

    Args:
        blocks: frames that are drawn together.
        draws: (resamples, drawn) numbers of blocks.
        length: frames of a block; fewer in a film that has fewer.
        films: blocks are whole films.
    """

    blocks: tuple[tuple[Sample, ...], ...]
    draws: np.ndarray
    length: int
    films: bool = False

    def figures(self, pieces: Mapping[Sample, Metric], name: str | None = None) -> np.ndarray:
        """(resamples,): a figure over the frames of every resample, given the metric of each frame.

        Args:
            name: which of the metric's; None for the one that stands for the task.
        """
        # A block is merged once however often it is drawn.
        merged = [_merge(pieces[sample] for sample in block) for block in self.blocks]
        figures = np.empty(len(self.draws))
        for n, numbers in enumerate(self.draws):
            total = _merge(merged[number] for number in numbers)
            figures[n] = total.figure(name or total.name)
        return figures


def resample(
    samples: Sequence[Sample],
    resamples: int = RESAMPLES,
    length: int | None = None,
    seed: int = 0,
    films: Sequence[int] | None = None,
) -> Resamples:
    """Draw resamples of `samples`: the same for the same arguments.

    A resample holds as many frames as there are, on average over resamples where films are shorter than a block. Each
    frame is drawn equally often: from n frames of a film come n blocks of min(length, n), drawn with a probability
    that is inverse to their length.

    Args:
        length: frames of a block; by default as the module says.
        films: for each clip the number of its film; every clip is a film if None.
    """
    if resamples < 1 or (length is not None and length < 1):
        raise StreamdeqError(
            f"bootstrap: expected at least 1 resample and blocks of at least 1 frame, got {resamples} and {length}"
        )
    shown: dict[int, dict[int, tuple[Sample, ...]]] = {}
    for sample in sorted(samples):
        frames = shown.setdefault(films[sample.clip] if films else sample.clip, {})
        frames[sample.t] = (*frames.get(sample.t, ()), sample)
    in_order = [[frames[t] for t in sorted(frames)] for frames in shown.values()]
    whole = length is None and len(in_order) >= FILMS
    if whole:
        length = max(map(len, in_order))
        blocks, weights = [tuple(chain(*frames)) for frames in in_order], np.ones(len(in_order))
    else:
        length = length or round(math.sqrt(max(map(len, in_order))))
        blocks = [tuple(chain(*block)) for frames in in_order for block in _around(frames, length)]
        weights = np.concatenate([np.full(len(frames), 1 / min(length, len(frames))) for frames in in_order])
    drawn = max(1, round(weights.sum()))
    rng = np.random.default_rng(seed)
    draws = rng.choice(len(blocks), (resamples, drawn), p=weights / weights.sum())
    return Resamples(tuple(blocks), draws, length, whole)


def interval(figures: np.ndarray, level: float = LEVEL) -> Interval | None:
    """The percentiles that leave (1 − level) / 2 outside on either side; None where nothing could be counted."""
    counted = figures[~np.isnan(figures)]
    if not len(counted):
        return None
    low, high = np.quantile(counted, ((1 - level) / 2, (1 + level) / 2))
    return Interval(float(low), float(high))


def _around(frames: list[tuple[Sample, ...]], length: int) -> list[list[tuple[Sample, ...]]]:
    """A block from every frame on, as if the film were a ring."""
    ring = frames + frames
    return [ring[begin : begin + min(length, len(frames))] for begin in range(len(frames))]


def _merge(metrics: Iterable[Metric]) -> Metric:
    first, *others = metrics
    total = copy.deepcopy(first)
    for other in others:
        total.merge(other)
    return total
