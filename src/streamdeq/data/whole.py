"""All labels of a split are read once, and the pictures with them, before hours of work depend on them."""

from collections import Counter
from collections.abc import Callable

import numpy as np

from streamdeq.data.base import Dataset
from streamdeq.data.labels import spaced
from streamdeq.data.problems import SHOWN, Problems
from streamdeq.data.target_counts import count

#: Of more pictures than these, so many are read; of all of them the labels.
PICTURES = 2000


def check_whole(
    dataset: Dataset, say: Callable[[str], None] = lambda note: None, watch: Callable[[], None] = lambda: None
) -> None:
    """Read every label that is in a file, and whether it belongs to its picture; what is cached is not read again.

    Args:
        say: told what is odd and can be trained on: boxes or points that lie outside, classes that never occur.
        watch: called after every label.

    Raises:
        StreamdeqError: all files that cannot be read or do not fit, the first ten by name.
    """
    problems, odd, shown = Problems(), Problems(), Counter[int]()
    looked = {(id(clip), t) for clip, t in spaced(dataset.samples, PICTURES)}
    for clip, t in dataset.samples:
        if clip.place(t) is not None:
            with problems.collect():
                target, where = clip.target(t), f"frame {t} of clip '{clip.name}'"
                if (id(clip), t) in looked:
                    image = clip.image(t)
                    with (problems if isinstance(target, np.ndarray) else odd).collect():
                        shown += count(target, image, where).counts
        watch()
    problems.tell()
    for text in odd.found[:SHOWN]:
        say(text)
    if len(odd.found) > SHOWN:
        say(f"and {len(odd.found) - SHOWN} more like these")
    never = [name for k, name in enumerate(dataset.classes) if not shown[k]]
    if shown and never:
        say(f"nothing in '{dataset.split}' shows {', '.join(never[:8])}{' …' * (len(never) > 8)}")


def labels_in_files(dataset: Dataset) -> int:
    """How many labelled frames there are that are in a file; raises nothing."""
    return sum(clip.place(t) is not None for clip, t in dataset.samples)
