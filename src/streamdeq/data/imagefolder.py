"""Pictures sorted into one folder per class, as ImageNet is: the targets are class indices. Knows no training.

Layout: `{train,val,test}/{class}/**/*.jpg` (any picture format, any of the splits). The classes are the folders of
train, or of the first split there is, by name; the index of a class is its place among them. A picture is a clip
of one frame.
"""

import os
from pathlib import Path

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.frames import PictureFiles
from streamdeq.data.layout import Layout
from streamdeq.data.licence import licence_of
from streamdeq.data.pictures import PICTURES, subfolders
from streamdeq.data.targets import Held
from streamdeq.errors import StreamdeqError
from streamdeq.models.palette import distinct_colours
from streamdeq.registry import unknown

EXPECTED = "train/ and val/, each with one folder of pictures per class"
SOURCE = (
    "put pictures into train/CLASS/ and val/CLASS/; ImageNet: register at https://www.image-net.org (Download, "
    "ILSVRC2012), unpack each class's archive into train/WNID/ and sort the validation pictures into val/WNID/"
)
SPLITS = ("train", "val", "test")
FPS = 1.0


def is_imagefolder(folder: Path) -> bool:
    """Whether a split has at least one folder, and a first folder with a picture in it."""
    for split in splits(folder):
        classes = subfolders(folder / split)
        if any(path.name == "images" for path in classes):  # train/images/ beside train/labels/ is something else
            return False
        if classes and any(_is_picture(name) for _, _, names in os.walk(classes[0]) for name in names):
            return True
    return False


def splits(folder: Path) -> tuple[str, ...]:
    return tuple(split for split in SPLITS if (folder / split).is_dir())


def open_imagefolder(folder: Path, split: str) -> Dataset:
    """One of the splits in `folder`, whose `target` is an int. Reads names only."""
    known = splits(folder)
    if split not in known:
        raise StreamdeqError(unknown("split", split, list(known)))
    classes = tuple(path.name for path in subfolders(folder / known[0]))
    index = {name: number for number, name in enumerate(classes)}
    found = subfolders(folder / split)
    if not found:
        raise StreamdeqError(f"expected one folder per class in {folder / split}, found none; {SOURCE}")
    for path in found:
        if path.name not in index:
            raise StreamdeqError(
                f"expected the classes of {folder / known[0]} in {folder / split}, got also '{path.name}'; "
                "a class without training pictures cannot be learned, remove it or add them"
            )
    targets = [Held.of({0: number}) for number in range(len(classes))]  # shared by the pictures of a class
    clips = tuple(
        Clip(file, FPS, PictureFiles((file,)), targets[index[where.name]])
        for where in found
        for file in _of_class(where)
    )
    name = folder.resolve().name
    return Dataset(
        name, "classification", split, classes, distinct_colours(len(classes)), tuple(clips), licence_of(folder)
    )


def _of_class(folder: Path) -> list[str]:
    """As text from the start: ImageNet has 1.3 million of them."""
    found = [os.path.join(root, name) for root, _, names in os.walk(folder) for name in names if _is_picture(name)]
    if not found:
        raise StreamdeqError(
            f"expected pictures of class '{folder.name}' in {folder}, found none; remove it or add some"
        )
    return sorted(found)


def _is_picture(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in PICTURES and not name.startswith(".")


LAYOUT = Layout("class folders", is_imagefolder, open_imagefolder, EXPECTED, splits, SOURCE, task="classification")
