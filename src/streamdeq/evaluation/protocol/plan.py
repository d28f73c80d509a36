"""Which frames are scored, and which streams have to run for that.

The labelled frame n is scored at offset t when streaming started at frame n − t from zeros. One stream that starts at
frame s serves every offset: on its way it is the answer for frame s at offset 0, for s + 1 at offset 1, and so on.
Where early frames count, one with n < t is scored at offset t when streaming started at frame 0.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, NamedTuple

from streamdeq.data.base import Dataset
from streamdeq.data.randomness import generator
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.settings import USUAL_OFFSETS


@dataclass(frozen=True, order=True)
class Sample:
    """A labelled frame: frame `t` of clip number `clip`."""

    clip: int
    t: int


class Read(NamedTuple):
    """A stream is read `after` frames more than its first, and that is scored at `offset`, None in a continuous one."""

    after: int
    offset: int | None


@dataclass(frozen=True)
class Chain:
    """A stream from zeros at frame `start` of clip number `clip`, and its reads in the order of time."""

    clip: int
    start: int
    reads: tuple[Read, ...]

    @property
    def frames(self) -> int:
        """How many frames it runs over."""
        return self.reads[-1].after + 1


@dataclass(frozen=True)
class ScoringPlan:
    """Every row of the table is about the same `samples`. `note` says why there are no chains, where there are none;
    `films` has, for each clip, a number that clips with the same frames share."""

    samples: tuple[Sample, ...]
    chains: tuple[Chain, ...]
    note: str = ""
    films: tuple[int, ...] = ()

    def parts(self, least: int) -> Iterator["ScoringPlan"]:
        """The plan in pieces of whole clips, in order, each of at least so many samples but the last.

        Every piece is scored by itself: which process does it has no part in what is computed.
        """
        gathered: list[Sample] = []
        for clip, of_clip in groupby(self.samples, key=lambda sample: sample.clip):
            gathered += of_clip
            if len(gathered) >= least or clip == self.samples[-1].clip:
                clips = range(gathered[0].clip, clip + 1)
                chains = tuple(chain for chain in self.chains if chain.clip in clips)
                yield replace(self, samples=tuple(gathered), chains=chains)
                gathered = []


@dataclass(frozen=True)
class Draw:
    """At most so many `clips`, and `frames` of each, at random; None for all. The same ones for the same `seed`, and
    the same frames of a clip whichever other clips are drawn."""

    clips: int | None = None
    frames: int | None = None
    seed: int = 0

    def __call__(self, samples: Sequence[Sample]) -> tuple[Sample, ...]:
        of_clip = {clip: list(some) for clip, some in groupby(samples, key=lambda sample: sample.clip)}
        chosen = self._some(list(of_clip), self.clips, "clips", 0)
        return tuple(
            sample for clip in chosen for sample in self._some(of_clip[clip], self.frames, "frames of a clip", clip)
        )

    def _some(self, of: list[Any], count: int | None, purpose: str, index: int) -> list[Any]:
        if count is None or count >= len(of):
            return of
        places = generator(self.seed, purpose, index).choice(len(of), count, replace=False)
        return [of[place] for place in sorted(places.tolist())]


EVERY = Draw()


def usual_offsets(dataset: Dataset) -> tuple[int, ...]:
    """`USUAL_OFFSETS` where a labelled frame has that many before it; else those below what half of them have, and
    that: 19 on Cityscapes, whose labelled frames are the 20th of their films."""
    before = sorted(t for _, t in dataset.samples)
    if not before or before[-1] >= USUAL_OFFSETS[-1]:
        return USUAL_OFFSETS
    most = before[len(before) // 2]
    return (*(offset for offset in USUAL_OFFSETS if offset < most), most)


def films_of(dataset: Dataset) -> tuple[int, ...]:
    """For each clip a number that clips with the same frames share."""
    known: dict[int, int] = {}
    return tuple(known.setdefault(id(clip.film), len(known)) for clip in dataset.clips)


def make_plan(
    dataset: Dataset, offsets: Sequence[int], *, early: bool = False, draw: Draw = EVERY, reach: int | None = None
) -> ScoringPlan:
    """The labelled frames with at least max(offsets) predecessors, and the fewest streams that reach all offsets.

    Args:
        early: labelled frames with fewer predecessors count too, at every offset that they do not reach after all of
            their predecessors.
        draw: which of the samples there are.
        reach: no stream needs more frames before the scored one than this; None for as many as the offset.

    Raises:
        StreamdeqError: nothing is labelled, or no labelled frame has that many predecessors.
    """
    labelled = [Sample(number, t) for number, clip in enumerate(dataset.clips) for t in clip.labelled]
    if not labelled:
        raise StreamdeqError(f"expected labelled frames in split '{dataset.split}' of {dataset.name}, found none")
    films = films_of(dataset)
    if all(len(clip) == 1 for clip in dataset.clips):
        note = f"split '{dataset.split}' of {dataset.name} has single pictures only, no video: nothing to stream"
        return ScoringPlan(draw(labelled), (), note, films)
    samples = tuple(sample for sample in labelled if early or sample.t >= max(offsets))
    if not samples:
        longest = max(len(clip) for clip in dataset.clips)
        most = max(sample.t for sample in labelled)
        raise StreamdeqError(
            f"expected a labelled frame with at least {max(offsets)} frames before it, the largest offset, in split "
            f"'{dataset.split}' of {dataset.name}; the longest clip has {longest} frames and the most before a "
            f"labelled one is {most}; use smaller --offsets"
        )
    samples = draw(samples)
    return ScoringPlan(samples, _chains(_streams(samples, offsets, reach)), films=films)


def continuous_chains(samples: Sequence[Sample]) -> tuple[Chain, ...]:
    """One stream per clip, from its first frame on and never from zeros again, read at every sample."""
    return _chains((Sample(sample.clip, 0), Read(sample.t, None)) for sample in samples)


def _streams(samples: Sequence[Sample], offsets: Sequence[int], reach: int | None) -> Iterator[tuple[Sample, Read]]:
    """Where a stream has to start for every figure, and when it is read."""
    for sample in samples:
        for offset in offsets:
            after = min(offset, sample.t, offset if reach is None else reach)
            yield Sample(sample.clip, sample.t - after), Read(after, offset)


def _chains(reads: Iterable[tuple[Sample, Read]]) -> tuple[Chain, ...]:
    """In the order of their first frames, so that neighbours run over the same pictures."""
    wanted: dict[Sample, list[Read]] = defaultdict(list)
    for first, read in reads:
        wanted[first].append(read)
    return tuple(Chain(first.clip, first.t, tuple(sorted(wanted[first]))) for first in sorted(wanted))
