"""The labelled boxes of a film or of pictures that belong to a data set.

A frame without labels of its own has the boxes of the next labelled one in its clip, as the protocol crops the frames
before a labelled one by its box. Frames after the last labels of a clip have none.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.open import all_readers
from streamdeq.errors import StreamdeqError
from streamdeq.values import UNKNOWN
from streamdeq.values.boxes import Boxes, Located
from streamdeq.values.keypoints import Keypoints
from streamdeq.video import open_source
from streamdeq.video.images import ImageSource

#: Whose targets are boxes or have some; the first is preferred.
TASKS = ("pose", "detection")
#: How many folders above a file its data set may begin: ImageNet-VID's are six deep.
LEVELS = 6


def label_boxes(source: Any, allow_outside: bool = False) -> dict[int, Located]:
    """Boxes by frame number for a film, a folder of pictures, a pattern or a picture; `allow_outside` as for
    `open_dataset`.

    Raises:
        StreamdeqError: it is none of these, lies in no data set, or nothing of it is labelled there.
    """
    files = _files(source)
    order = {file: n for n, file in enumerate(files)}
    folder, datasets = _datasets(files[0], allow_outside)
    table: dict[int, Located] = {}
    for clip in (clip for dataset in datasets for clip in dataset.clips):
        if shown := dict(_shown(clip, order)):  # only then are its labels read: a data set may have a million
            there = boxes_of(clip)
            table.update((number, there[t]) for t, number in shown.items() if t in there)
    if not table:
        raise StreamdeqError(f"boxes: expected labelled boxes of {source} in the data set {folder}, found none")
    return table


def _files(source: Any) -> tuple[Path, ...]:
    """The picture files in the order they are read in, or the film's."""
    if isinstance(source, str | os.PathLike):
        with open_source(source) as opened:
            if isinstance(opened, ImageSource):
                return tuple(path.resolve() for path in opened.paths)
            if not opened.live:
                return (Path(source).expanduser().resolve(),)
    raise StreamdeqError(f"boxes: only files of a data set have labels, got {source!r} as the source")


def _datasets(file: Path, allow_outside: bool) -> tuple[Path, list[Dataset]]:
    """The nearest folder above a file that is a data set with boxes, and its splits; key points before objects."""
    for folder in file.parents[:LEVELS]:
        able = (reader for reader in all_readers() if reader.task in ("", *TASKS))
        readers = [reader for reader in able if reader.recognises(folder)]
        for reader in readers:
            reader.allow_outside = allow_outside
        found = [reader.open(folder, split) for reader in readers for split in reader.splits(folder)]
        for task in TASKS:
            if located := [dataset for dataset in found if dataset.task == task]:
                return folder, located
    raise StreamdeqError(f"boxes: expected a data set with boxes or key points around {file}, found none")


def boxes_of(clip: Clip) -> dict[int, Located]:
    """The boxes of a clip by its frames' numbers, with those of the next labelled frame where there are no labels."""
    table: dict[int, Located] = {}
    for t in reversed(range(len(clip))):
        target = clip.target(t)
        if target is not None:
            table[t] = located(target)
        elif t + 1 in table:
            table[t] = table[t + 1]
    return table


def _shown(clip: Clip, order: dict[Path, int]) -> Iterator[tuple[int, int]]:
    """Which frames of a clip the source shows: the number here and the number there."""
    for t in range(len(clip)):
        if (place := clip.place(t)) is not None and (file := place[0].resolve()) in order:
            yield t, order[file] if place[1] is None else place[1]


def located(target: Boxes | Keypoints) -> Located:
    """Where labels say that somebody is: whoever has a visible point, whatever is not to be ignored."""
    if isinstance(target, Keypoints):
        target = target[np.flatnonzero(target.visible.any(axis=1))]
        boxes, ids = target.boxes_xyxy, target.instances
    else:
        target = target[~target.ignore]
        boxes, ids = target.xyxy, target.instances
    return Located(boxes.astype(np.float64), None if UNKNOWN in ids else ids)
