"""A part of the training pictures held out, where a data set has nothing to validate on: `train-fit`, `train-holdout`.

What belongs together is held out together, or the score would be that of pictures that are as good as known: a film,
or single pictures in one folder where there are several folders. Which ones is drawn, the same ones every time.
"""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

from streamdeq.data.base import Clip, Dataset, Targets
from streamdeq.errors import StreamdeqError

FIT, HELD = "fit", "holdout"
#: At least this share of the labelled frames is held out, if films allow, and at most that.
SHARE, MOST = 0.2, 0.5
#: So many folders, at least, make the pictures of one belong together.
FOLDERS = 5


@dataclass(frozen=True, eq=False, slots=True)
class _Some:
    """The targets of some of the frames."""

    whole: Targets
    labelled: tuple[int, ...]

    def read(self, t: int) -> Any:
        return self.whole.read(t)


def part_of(split: str) -> tuple[str, str]:
    """The whole and the part that the name of a split says; an empty part for others.

    >>> part_of("train-holdout"), part_of("val")
    (('train', 'holdout'), ('val', ''))
    """
    whole, _, part = split.rpartition("-")
    return (whole, part) if whole and part in (FIT, HELD) else (split, "")


def divided(dataset: Dataset, part: str) -> Dataset:
    """What is trained on (`fit`) or held out (`holdout`) of a split.

    Raises:
        StreamdeqError: fewer than two labelled frames.
    """
    if len(dataset.samples) < 2:
        raise StreamdeqError(
            f"expected at least 2 labelled frames in split '{dataset.split}' of {dataset.name} to hold some out, got "
            f"{len(dataset.samples)}; label more"
        )
    groups = _groups(dataset)
    if len(groups) == 1:
        clips = _of_one(groups[0], part)
    else:
        held = _drawn([sum(len(clip.labelled) for clip in group) for group in groups])
        clips = tuple(clip for n, group in enumerate(groups) if (n in held) == (part == HELD) for clip in group)
    return replace(dataset, split=f"{dataset.split}-{part}", clips=clips)


def _groups(dataset: Dataset) -> list[list[Clip]]:
    """The clips that have labels, those together that belong together, in order."""
    labelled = [clip for clip in dataset.clips if clip.labelled]
    by_film, by_folder = defaultdict[Any, list[Clip]](list), defaultdict[str, list[Clip]](list)
    for clip in labelled:
        by_film[id(clip.film) if clip.whole else id(clip)].append(clip)
        by_folder[str(PurePath(clip.name).parent)].append(clip)
    single = all(len(clip) == 1 for clip in labelled) and dataset.task != "classification"  # there folders are classes
    groups = by_folder if single and len(by_folder) >= FOLDERS else by_film
    return list(groups.values())


def _drawn(sizes: Sequence[int]) -> set[int]:
    """Places of groups that have the share together, in a drawn order; none with which it would be more than half, but
    at least one, the smallest."""
    order = list(range(len(sizes)))
    random.Random(0).shuffle(order)
    held, count = set[int](), 0
    for place in order:
        if count < SHARE * sum(sizes) and count + sizes[place] <= MOST * sum(sizes):
            held.add(place)
            count += sizes[place]
    return held or {min(order, key=lambda place: sizes[place])}


def _of_one(group: list[Clip], part: str) -> tuple[Clip, ...]:
    """Of a single film the last labelled frames are held out."""
    frames = [(clip, t) for clip in group for t in clip.labelled]
    first = len(frames) - max(1, round(SHARE * len(frames)))
    kept = frames[first:] if part == HELD else frames[:first]
    some = {id(clip): tuple(t for owner, t in kept if owner is clip) for clip in group}
    return tuple(replace(clip, targets=_Some(clip.targets, some[id(clip)])) for clip in group if some[id(clip)])


def thinned(dataset: Dataset, count: int) -> Dataset:
    """The split with at most `count` of its labelled frames, evenly spaced, and all frames before them."""
    if len(dataset.samples) <= count:
        return dataset
    places = {round(n * (len(dataset.samples) - 1) / max(1, count - 1)) for n in range(count)}
    kept = defaultdict[int, list[int]](list)
    for place in sorted(places):
        clip, t = dataset.samples[place]
        kept[id(clip)].append(t)
    clips = (replace(c, targets=_Some(c.targets, tuple(kept[id(c)]))) for c in dataset.clips if id(c) in kept)
    return replace(dataset, clips=tuple(clips))
