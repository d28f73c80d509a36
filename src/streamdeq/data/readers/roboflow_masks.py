"""Roboflow's "Semantic Segmentation Masks": in `train/`, `valid/`, `test/` pictures `NAME.jpg`, label pictures
`NAME_mask.png` and `_classes.csv`, whose rows are a value and the class that it means.

A class has the place of its row; a picture is a clip of one frame.
"""

from pathlib import Path

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.documents import read_csv
from streamdeq.data.exports import SPLITS, STILL_FPS
from streamdeq.data.frames import PictureFiles
from streamdeq.data.pictures import pictures
from streamdeq.data.reader import READERS, Reader, own_dataset
from streamdeq.data.targets import Coding, LabelFile, LabelMaps
from streamdeq.errors import StreamdeqError

LIST, MASK = "_classes.csv", "_mask"


@READERS.register("roboflow-masks")
class RoboflowMasks(Reader):
    title = "Roboflow masks"
    expected = "train/ and valid/ with NAME.jpg, NAME_mask.png and _classes.csv"
    source = 'export "Semantic Segmentation Masks" from Roboflow'
    task = "segmentation"

    def splits(self, folder: Path) -> tuple[str, ...]:
        return tuple(_places(folder))

    def open(self, folder: Path, split: str) -> Dataset:
        self.check_split(folder, split)
        place = _places(folder)[split]
        names, coding = _classes(place / LIST)
        there = pictures(place.iterdir())
        masks = {path.stem.removesuffix(MASK): path for path in there if path.stem.endswith(MASK)}
        clips = []
        for picture in (path for path in there if not path.stem.endswith(MASK)):
            frames, mask = PictureFiles((picture,)), masks.get(picture.stem)
            labels = LabelMaps(frames, {} if mask is None else {0: LabelFile(mask, coding)})
            clips.append(Clip(picture.stem, STILL_FPS, frames, labels))
        if not any(clip.labelled for clip in clips):
            raise StreamdeqError(f"expected pictures with NAME{MASK}.png in {place}, found none; {self.source}")
        return own_dataset(folder, self.task, split, names, clips)


def _places(folder: Path) -> dict[str, Path]:
    found = {split: folder / name for split, names in SPLITS.items() for name in names if _is_split(folder / name)}
    return found or ({"train": folder} if _is_split(folder) else {})


def _is_split(place: Path) -> bool:
    return (place / LIST).is_file() and any(place.glob(f"*{MASK}.png"))


def _classes(path: Path) -> tuple[tuple[str, ...], Coding]:
    """The names, and what the values of label pictures mean."""
    found: dict[int, str] = {}
    for line, row in read_csv(path):
        value, name, *_ = [*(text.strip() for text in row), "", ""]
        if line == 1 and not value.isdecimal():
            continue  # the heading
        if not (value.isdecimal() and len(value) < 4 and int(value) < 256 and name) or int(value) in found:
            raise StreamdeqError(
                f"expected a value 0..255 and a class in {path}, line {line}, got '{value},{name[:40]}'"
            )
        found[int(value)] = name
    if not found or len(set(found.values())) < len(found):
        raise StreamdeqError(f"expected different classes in {path}, got {', '.join(found.values())[:80] or 'none'}")
    return tuple(found.values()), Coding.stored(tuple(found))
