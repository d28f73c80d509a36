"""Pictures sorted into one folder per class, as ImageNet is: the targets are class indices.

Layout: `{train,val,test}/{class}/**/*.jpg` (any picture format, any of the splits; `valid` is val). The classes
are the folders of train, or of the first split there is, by name; the index of a class is its place among them. A
picture is a clip of one frame. `features/{split}.safetensors` holds what a teacher saw in each (`data.described`).
"""

import os
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.described import DescribedDataset, OneDescribed, vectors
from streamdeq.data.frames import PictureFiles
from streamdeq.data.pictures import PICTURES, subfolders
from streamdeq.data.reader import READERS, Reader, own_dataset
from streamdeq.data.targets import Held
from streamdeq.errors import StreamdeqError

SOURCE = (
    "put pictures into train/CLASS/ and val/CLASS/; ImageNet: register at https://www.image-net.org (Download, "
    "ILSVRC2012), unpack each class's archive into train/WNID/ and sort the validation pictures into val/WNID/"
)
SPLITS = ("train", "val", "test")
FPS = 1.0


@READERS.register("class-folders")
class ClassFolders(Reader):
    title = "class folders"
    expected = "train/ and val/, each with one folder of pictures per class"
    source = SOURCE
    task = "classification"

    def recognises(self, folder: Path) -> bool:
        """Whether a split has at least one folder, and a first folder with a picture in it."""
        for split in self.splits(folder):
            classes = subfolders(_place(folder, split))
            # train/images/ beside train/labels/, or pictures beside a file that says what they show, are something else
            if any(path.name == "images" for path in classes) or any(_place(folder, split).glob("*.json")):
                return False
            if classes and any(_is_picture(name) for _, _, names in os.walk(classes[0]) for name in names):
                return True
        return False

    def splits(self, folder: Path) -> tuple[str, ...]:
        return tuple(split for split in SPLITS if _place(folder, split).is_dir())

    def open(self, folder: Path, split: str) -> Dataset:
        self.check_split(folder, split)
        first = _place(folder, self.splits(folder)[0])
        classes = tuple(path.name for path in subfolders(first))
        place = _place(folder, split)
        found = subfolders(place)
        if not found:
            raise StreamdeqError(f"expected one folder per class in {place}, found none; {SOURCE}")
        clips: list[Clip] = []
        for path in found:
            if path.name not in classes:
                raise StreamdeqError(
                    f"expected the classes of {first} in {place}, got also '{path.name}'; "
                    "a class without training pictures cannot be learned, remove it or add them"
                )
            target = Held.of({0: classes.index(path.name)})  # shared by the pictures of a class
            clips += [Clip(file, FPS, PictureFiles((file,)), target) for file in _of_class(path)]
        whole = own_dataset(folder, "classification", split, classes, clips)
        seen = vectors(folder, split, [clip.name for clip in clips])
        return whole if seen is None else _described(whole, seen)


def _described(whole: Dataset, seen: np.ndarray) -> DescribedDataset:
    clips = tuple(
        replace(clip, targets=OneDescribed(clip.target(0), row)) for clip, row in zip(whole.clips, seen, strict=True)
    )
    parts: dict[str, Any] = {field.name: getattr(whole, field.name) for field in fields(whole)}
    return DescribedDataset(**parts | {"clips": clips, "length": seen.shape[1]})


def _place(folder: Path, split: str) -> Path:
    """`valid/` is val, where there is no `val/`."""
    other = folder / "valid"
    return other if split == "val" and not (folder / "val").is_dir() and other.is_dir() else folder / split


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
