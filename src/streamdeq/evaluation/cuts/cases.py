"""Cuts to recover from: made between data sets, or taken from a clip whose cuts are known.

All cases of a clip refer to the same pictures; nothing is copied.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from streamdeq.data.base import Dataset
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.cuts.clips import CutClip

#: Frames scored after a cut, frames of the own shot before it, frames between made cuts.
FRAMES, LEAD, EVERY = 13, 10, 3

Images = tuple[np.ndarray, ...]


@dataclass(frozen=True, eq=False)
class CutCase:
    """A cut with all it takes to measure it: from the last of `before` to the first of `after`.

    Pictures are (H, W, 3) uint8 RGB.

    Args:
        before: the end of another shot.
        lead: what the new shot had before `after`, for the stream that saw no cut; it may be empty.
        after: the frames that are scored.
        targets: their ground truth; None where there is none.
    """

    before: Images
    lead: Images
    after: Images
    targets: tuple[Any, ...] | None


def cases_between(
    donors: Dataset, dataset: Dataset, frames: int = FRAMES, lead: int = LEAD, every: int = EVERY, seed: int = 0
) -> list[CutCase]:
    """Cuts from single pictures of `donors`, drawn by `seed`, into the labelled clips of `dataset`.

    A cut at every `every`-th frame that has `lead` frames before it and `frames` labelled frames from it on.

    Raises:
        StreamdeqError: no clip is long enough, or there is no picture to come from.
    """
    pictures = [(clip, t) for clip in donors.clips for t in range(len(clip))]
    starts = [
        (clip, start)
        for clip in dataset.clips
        for start in range(lead, len(clip) - frames + 1, every)
        if set(range(start, start + frames)) <= set(clip.labelled)
    ]
    if not starts or not pictures:
        raise StreamdeqError(
            f"expected clips of at least {lead + frames} frames, {frames} of them labelled, in split "
            f"'{dataset.split}' of {dataset.name}, and pictures to cut from in split '{donors.split}'; found none"
        )
    order = np.random.default_rng(seed).permutation(len(pictures))
    known = {id(clip): [clip.image(t) for t in range(len(clip))] for clip in dataset.clips}
    targets = {(id(clip), t): clip.target(t) for clip, t in dataset.samples}
    cases = []
    for number, (clip, start) in enumerate(starts):
        images = known[id(clip)]
        donor, t = pictures[order[number % len(order)]]
        end = start + frames
        shown = tuple(images[start - lead : start]), tuple(images[start:end])
        cases.append(CutCase((donor.image(t),), *shown, tuple(targets[id(clip), t] for t in range(start, end))))
    return cases


def cases_of(clip: CutClip, frames: int = FRAMES, before: int = LEAD) -> list[CutCase]:
    """The cuts of a clip, without ground truth."""
    images, ends, begins = clip.images, [*clip.cuts[1:], len(clip.images)], [0, *clip.cuts[:-1]]
    return [
        CutCase(images[max(begin, cut - before) : cut], (), images[cut : min(end, cut + frames)], None)
        for begin, cut, end in zip(begins, clip.cuts, ends, strict=True)
    ]
