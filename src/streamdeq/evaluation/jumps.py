"""Cuts to recover from: made between data sets, or taken from a film. Knows no model.

All jumps of a film refer to the same pictures; nothing is copied.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from streamdeq.data.base import Clip, Dataset
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.recovery import Jump

#: Frames scored after a cut, frames of the own shot before it, frames between made cuts.
FRAMES, LEAD, EVERY = 13, 10, 3


def jumps_between(
    donors: Dataset, dataset: Dataset, frames: int = FRAMES, lead: int = LEAD, every: int = EVERY, seed: int = 0
) -> list[Jump]:
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
    film = {id(clip): ([clip.image(t) for t in range(len(clip))], _targets(clip)) for clip in dataset.clips}
    jumps = []
    for number, (clip, start) in enumerate(starts):
        images, targets = film[id(clip)]
        donor, t = pictures[order[number % len(order)]]
        end = start + frames
        jumps.append(
            Jump(
                before=(donor.image(t),),
                lead=tuple(images[start - lead : start]),
                after=tuple(images[start:end]),
                targets=tuple(targets[t] for t in range(start, end)),
            )
        )
    return jumps


def jumps_in(images: Sequence[np.ndarray], cuts: Sequence[int], frames: int = FRAMES, before: int = LEAD) -> list[Jump]:
    """The cuts of a film: `cuts` are the first frames of its second and later shots, ascending. No ground truth."""
    ends = [*cuts[1:], len(images)]
    begins = [0, *cuts[:-1]]
    return [
        Jump(tuple(images[max(begin, cut - before) : cut]), (), tuple(images[cut : min(end, cut + frames)]), None)
        for begin, cut, end in zip(begins, cuts, ends, strict=True)
    ]


def _targets(clip: Clip) -> dict[int, Any]:
    return {t: clip.target(t) for t in clip.labelled}
