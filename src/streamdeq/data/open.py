"""Open a data set by what a user types: a folder, or `synthetic[:key=value,...]`. Knows no file format."""

from pathlib import Path

from streamdeq.data import (
    camvid,
    cityscapes,
    coco,
    cocopose,
    deeplabcut,
    folders,
    imagefolder,
    imagenet_vid,
    mpii,
    posetable,
    yolo,
)
from streamdeq.data.base import Dataset
from streamdeq.data.layout import Layout
from streamdeq.data.synthetic.street import open_street
from streamdeq.errors import StreamdeqError

SYNTHETIC = "synthetic"
LAYOUTS: tuple[Layout, ...] = (
    imagenet_vid.LAYOUT,
    cityscapes.LAYOUT,
    folders.LAYOUT,
    camvid.LAYOUT,
    mpii.LAYOUT,
    coco.LAYOUT,
    cocopose.LAYOUT,
    yolo.LAYOUT,
    posetable.LAYOUT,
    deeplabcut.LAYOUT,
    imagefolder.LAYOUT,
)
"""Asked in this order: the first that recognises a folder reads it, or the first of those for the task."""


def open_dataset(spec: str, split: str, task: str = "") -> Dataset:
    """The `split` of the data set named by `spec`.

    `spec` is a folder in one of `LAYOUTS`, or `synthetic[:key=value,...]` with the keys of `StreetSpec`. Some folders
    have labels for two tasks, as COCO's has: `task` is what they are wanted for.

    Raises:
        StreamdeqError: no such folder, an unknown layout or split, an incomplete data set.
    """
    if spec == SYNTHETIC or spec.startswith(f"{SYNTHETIC}:"):
        return open_street(spec[len(SYNTHETIC) + 1 :], split)
    folder = Path(spec).expanduser()
    return find_layout(folder, task).open(folder, split)


def find_layout(folder: Path, task: str = "") -> Layout:
    """What kind of data set `folder` is, to somebody who wants it for `task`.

    Raises:
        StreamdeqError: no such folder, or none of `LAYOUTS`.
    """
    known = "; ".join(f"{layout.name}: {layout.expected}" for layout in LAYOUTS)
    if not folder.is_dir():
        raise StreamdeqError(
            f"expected 'synthetic' or a folder with a data set ({known}), got {folder}, which is no folder"
        )
    for layout in sorted(LAYOUTS, key=lambda layout: not layout.task or layout.task != task):
        if layout.recognise(folder):
            return layout
    for layout in LAYOUTS:
        if lacks := layout.lacks(folder):
            raise StreamdeqError(f"{folder} looks like {layout.name}, but lacks {lacks}")
    raise StreamdeqError(f"expected a data set in {folder} ({known}), found none of them; is it another folder?")
