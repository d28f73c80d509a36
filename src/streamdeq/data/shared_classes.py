"""Boxes in the classes of a model that knows all classes of the data, or of which the data know all."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from streamdeq.data.base import Dataset, Targets
from streamdeq.values.boxes import Boxes
from streamdeq.values.palette import distinct_colours


class BoxDataset(Dataset):
    """A split whose targets are `Boxes`."""

    def scored(self, classes: tuple[str, ...]) -> Dataset:
        """In a model's classes, by their names, if it knows all of the data's, or the data know all of its: boxes of
        other classes are left out then. Otherwise as it is."""
        mine, theirs = set(self.classes), set(classes)
        if self.classes == classes or not (mine <= theirs or theirs <= mine):
            return self
        places = tuple(classes.index(name) if name in theirs else -1 for name in self.classes)
        clips = tuple(replace(clip, targets=_Placed(clip.targets, places)) for clip in self.clips)
        return replace(self, classes=classes, palette=distinct_colours(len(classes)), clips=clips)


@dataclass(frozen=True, eq=False, slots=True)
class _Placed:
    """`places` says which class a label becomes; below 0 none."""

    whole: Targets
    places: Sequence[int]

    @property
    def labelled(self) -> tuple[int, ...]:
        return self.whole.labelled

    def read(self, t: int) -> Boxes | None:
        boxes = self.whole.read(t)
        if boxes is None:
            return None
        labels = np.array(self.places, np.int64)[boxes.labels]
        return replace(boxes, labels=labels)[labels >= 0]
