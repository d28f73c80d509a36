"""The labelled boxes of a film or of pictures that belong to a data set. Knows layouts and files, no model.

A frame without labels of its own has the boxes of the next labelled one in its clip, as the protocol crops the frames
before a labelled one by its box. Frames after the last labels of a clip have none.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from streamdeq.boxes import UNKNOWN, Boxes
from streamdeq.data.base import Clip, Dataset
from streamdeq.data.boxed import BoxClip
from streamdeq.data.film import Film
from streamdeq.data.open import LAYOUTS
from streamdeq.data.poses import Pictures, PoseClip
from streamdeq.errors import StreamdeqError
from streamdeq.keypoints import Keypoints
from streamdeq.streaming.locate import FromTable
from streamdeq.streaming.regions import Located
from streamdeq.video import open_source
from streamdeq.video.images import ImageSource

#: How many folders above a file its data set may begin: ImageNet-VID's are six deep.
LEVELS = 6


def label_boxes(source: Any) -> FromTable:
    """Boxes by frame number for a film, a folder of pictures, a pattern or a picture.

    Raises:
        StreamdeqError: it is none of these, lies in no data set, or nothing of it is labelled there.
    """
    files = _files(source)
    order = {file: n for n, file in enumerate(files)}
    folder, datasets = _datasets(files[0])
    table: dict[int, Located] = {}
    for clip in (clip for dataset in datasets for clip in dataset.clips):
        for file, number, located in _labels(clip):
            if file in order:
                table[order[file] if number is None else number] = located
    if not table:
        raise StreamdeqError(f"boxes: expected labelled boxes of {source} in the data set {folder}, found none")
    return FromTable(table)


def _files(source: Any) -> tuple[Path, ...]:
    """The picture files in the order they are read in, or the film's."""
    if isinstance(source, str | os.PathLike):
        with open_source(source) as opened:
            if isinstance(opened, ImageSource):
                return tuple(path.resolve() for path in opened.paths)
            if not opened.live:
                return (Path(source).expanduser().resolve(),)
    raise StreamdeqError(f"boxes: only files of a data set have labels, got {source!r} as the source")


def _datasets(file: Path) -> tuple[Path, list[Dataset]]:
    """The nearest folder above a file that is a data set with boxes, and its splits; key points before objects."""
    for folder in file.parents[:LEVELS]:
        layouts = [layout for layout in LAYOUTS if layout.recognise(folder)]
        found = [layout.open(folder, split) for layout in layouts for split in layout.splits(folder)]
        for task in ("pose", "detection"):
            if located := [dataset for dataset in found if dataset.task == task]:
                return folder, located
    raise StreamdeqError(f"boxes: expected a data set with boxes or key points around {file}, found none")


def boxes_of(clip: Clip) -> FromTable:
    """The boxes of a clip by its frames' numbers, with those of the next labelled frame where there are no labels."""
    table: dict[int, Located] = {}
    for t in reversed(range(len(clip))):
        target = clip.target(t)
        if target is not None:
            table[t] = located(target)
        elif t + 1 in table:
            table[t] = table[t + 1]
    return FromTable(table)


def _labels(clip: Clip) -> Iterator[tuple[Path, int | None, Located]]:
    """Every frame that has boxes: its file, its number where that is a film, and the boxes."""
    for t, found in boxes_of(clip).table.items():
        if (place := _place(clip, t)) is not None:
            yield (*place, found)


def _place(clip: Clip, t: int) -> tuple[Path, int | None] | None:
    if isinstance(clip, BoxClip):
        return clip.images[t].resolve(), None
    if isinstance(clip, PoseClip) and isinstance(clip.read, Pictures):
        return clip.read.paths[t].resolve(), None
    if isinstance(clip, PoseClip) and isinstance(clip.read, Film):
        return clip.read.path.resolve(), t
    return None


def located(target: Boxes | Keypoints) -> Located:
    """Where labels say that somebody is: whoever has a visible point, whatever is not to be ignored."""
    if isinstance(target, Keypoints):
        target = target[np.flatnonzero(target.visible.any(axis=1))]
        boxes, ids = target.boxes_xyxy, target.instances
    else:
        target = target[~target.ignore]
        boxes, ids = target.xyxy, target.instances
    return Located(boxes.astype(np.float64), None if UNKNOWN in ids else ids)
