"""Whether the labels of a split can be read and say something, before minutes of work depend on it."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import numpy as np

from streamdeq.data.base import IGNORE_INDEX, Clip, Dataset
from streamdeq.data.open import open_dataset
from streamdeq.data.problems import Problems
from streamdeq.data.targets import InPixels, InText
from streamdeq.errors import StreamdeqError
from streamdeq.values.boxes import Boxes
from streamdeq.values.keypoints import Keypoints

#: Label maps that are looked into for what they hold.
SAMPLE = 20


def open_labelled(
    spec: str,
    split: str,
    task: str = "",
    say: Callable[[str], None] = lambda note: None,
    allow_outside: bool = False,
) -> Dataset:
    """As `open_dataset`, with every label that stands in text read; `say` is told what looks odd.

    Raises:
        StreamdeqError: as `open_dataset`; the first ten of all problems of the labels; not a single label.
    """
    dataset = open_dataset(spec, split, task, allow_outside)
    problems, _ = read_labels(dataset, spec)
    problems.tell()
    for note in filter(None, (*dataset.notes, single_class(dataset, *_pixels(dataset)))):
        say(f"{spec}, {split}: {note}")
    return dataset


def read_labels(dataset: Dataset, place: str) -> tuple[Problems, int]:
    """What is wrong with the labels in text, and how many of the labelled frames show something (of those in pixels
    all or none).

    Args:
        place: where the data lie, in words for the error.
    """
    problems, shown = Problems(), 0
    for clip, t in dataset.samples:
        with problems.collect():
            shown += not isinstance(clip.targets, InText) or _shows(clip.target(t))
    maps = tuple((clip, t) for clip, t in dataset.samples if isinstance(clip.targets, InPixels))
    if maps and not any(_has_labels(clip, t) for clip, t in (*spaced(maps, SAMPLE), *maps)):
        shown = 0
    if not shown and not problems.found:
        frames = sum(map(len, dataset.clips))
        problems.found.append(
            f"expected labelled frames in split '{dataset.split}' of {dataset.name}, got none: {place} has {frames} "
            "pictures and nothing is labelled in them; is it the right folder?"
        )
    return problems, shown


def _shows(target: Boxes | Keypoints) -> bool:
    """Whether anything is to be found: a box with an area that is not to be ignored, a labelled point."""
    return bool((target.visible & ~target.ignore if isinstance(target, Boxes) else target.visible).any())


def _has_labels(clip: Clip, t: int) -> bool:
    """Whether any pixel is not ignored; one that cannot be read is told elsewhere."""
    with suppress(StreamdeqError):
        return bool((clip.target(t) != IGNORE_INDEX).any())
    return True


def spaced(samples: tuple[tuple[Clip, int], ...], count: int) -> list[tuple[Clip, int]]:
    """At most `count` of `samples`, from the first to the last."""
    places = np.linspace(0, len(samples) - 1, min(count, len(samples))).round().astype(int)
    return [samples[place] for place in places]


def _pixels(dataset: Dataset) -> tuple[Counter[int], int]:
    """Of each class in a sample of the label maps in files, and how many are ignored."""
    counts = Counter[int]()
    for clip, t in spaced(dataset.samples, SAMPLE):
        if isinstance(clip.targets, InPixels):
            values, numbers = np.unique(clip.target(t), return_counts=True)
            counts.update(dict(zip(values.tolist(), numbers.tolist(), strict=True)))
    return counts, counts.pop(IGNORE_INDEX, 0)


def single_class(dataset: Dataset, counts: Counter[int], ignored: int) -> str:
    """What to know where label maps show one class alone, or lack one while pixels are ignored; else empty."""
    shown = [k for k in range(len(dataset.classes)) if counts[k]]
    lost = [name for k, name in enumerate(dataset.classes) if not counts[k]]
    if dataset.task != "segmentation" or not shown or (len(shown) > 1 and not (lost and ignored)):
        return ""
    share = ignored / (ignored + counts.total())
    what = f"no pixel of {', '.join(lost[:3])}{' …' * (len(lost) > 3)}" if lost else f"all are {dataset.classes[0]}"
    alone = ", so that any answer scores 100" if len(shown) == 1 else ""
    advice = f'; if {IGNORE_INDEX} means a class, say so in classes.json: {{"name": …, "value": {IGNORE_INDEX}}}'
    ignores = f", {share:.1%} of them {IGNORE_INDEX} (ignored)"
    return f"{what} in the label maps looked into{ignores}{alone}{advice * bool(ignored)}"
