"""Cityscapes as it unpacks: 19 classes, 2975 / 500 / 1525 labelled pictures in films of 30 frames.

Layout: `{package}/{split}/{city}/{city}_{sequence}_{frame}_{kind}.png` with the packages `leftImg8bit_sequence`
(films, kind leftImg8bit), `leftImg8bit` (the labelled frames alone, or sequences unpacked there) and `gtFine` (kind
gtFine_labelIds, else gtFine_labelTrainIds). A split is read from the first of the two picture packages that has it.

What is a clip: the labelled frame n is the 20th of its film of 30, which is frames n − 19 … n + 10 of the same city
and sequence number: in some cities (frankfurt) the sequence number is constant and the frames of a drive are counted
on. Of those, the clip is what is there without a gap around n; with stills alone that is n itself.

Labels of test are held back by the authors (the files in gtFine/test are empty), so nothing of test is labelled; its
clips are the runs of consecutive frames. `train-fit` and `train-holdout` divide train by cities, so that the choice
of hyper-parameters leaves val alone.
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

from streamdeq.data.base import IGNORE_INDEX, Clip, Dataset
from streamdeq.data.frames import PictureFiles, runs
from streamdeq.data.pictures import subfolders
from streamdeq.data.reader import READERS, Reader
from streamdeq.data.targets import Coding, Held, LabelFile, LabelMaps
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

CLASSES = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign", "vegetation",
    "terrain", "sky", "person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle",
)  # fmt: skip
PALETTE = (
    (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153), (153, 153, 153),
    (250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152), (70, 130, 180), (220, 20, 60),
    (255, 0, 0), (0, 0, 142), (0, 0, 70), (0, 60, 100), (0, 80, 100), (0, 0, 230), (119, 11, 32),
)  # fmt: skip
LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""The label id, as labelIds files and result files hold it, of each class index (train id)."""
CLASS_WEIGHTS = (
    0.8373, 0.918, 0.866, 1.0345, 1.0166, 0.9969, 0.9754, 1.0489, 0.8786, 1.0023, 0.9539, 0.9843, 1.1116, 0.9037,
    1.0865, 1.0955, 1.0865, 1.1529, 1.0507,
)  # fmt: skip
"""Of each class in the loss: the published ones, HRNet's and MDEQ's."""

LICENCE = (
    "Cityscapes licence, non-commercial research and teaching only, no redistribution; "
    "cite Cordts et al., The Cityscapes Dataset for Semantic Urban Scene Understanding, CVPR 2016"
)
SOURCE = (
    "register at https://www.cityscapes-dataset.com (Downloads) for gtFine_trainvaltest.zip (labels), "
    "leftImg8bit_trainvaltest.zip (stills) and leftImg8bit_sequence_trainvaltest.zip (films, 324 GB); unpack all here"
)
SPLITS = ("train", "train-fit", "train-holdout", "val", "test")
HOLDOUT_CITIES = ("darmstadt", "krefeld", "zurich")
FPS = 17.0

_PACKAGES = _FILMS, _STILLS, _LABELS = "leftImg8bit_sequence", "leftImg8bit", "gtFine"
_BEFORE, _AFTER = 19, 10
_HIGHEST_ID = 33
_NAME = re.compile(r"(?P<city>[^_]+)_(?P<sequence>\d{6})_(?P<frame>\d{6})_(?P<kind>\w+)\.png")

_IDS = {label_id: LABEL_IDS.index(label_id) if label_id in LABEL_IDS else IGNORE_INDEX for label_id in range(34)}
CODINGS = {
    "gtFine_labelIds": Coding.of(_IDS, f"Cityscapes label ids 0..{_HIGHEST_ID}"),
    "gtFine_labelTrainIds": Coding.plain(len(CLASSES)),
}
"""Kinds of label files and what they hold, the preferred one first."""

Drive = tuple[str, str]  # city and sequence number: what frame numbers count in


@READERS.register("cityscapes")
class Cityscapes(Reader):
    title = "Cityscapes"
    expected = "gtFine/ with leftImg8bit_sequence/ or leftImg8bit/"
    source = SOURCE
    complete = MappingProxyType({"train": 2975, "val": 500})

    def recognises(self, folder: Path) -> bool:
        return any((folder / package).is_dir() for package in _PACKAGES)

    def splits(self, folder: Path) -> tuple[str, ...]:
        return tuple(s for s in SPLITS if any((folder / package / _part(s)).is_dir() for package in _PACKAGES))

    def open(self, folder: Path, split: str) -> Dataset:
        if split not in SPLITS:
            raise StreamdeqError(unknown("Cityscapes split", split, list(SPLITS)))
        frames = _frames(folder, _part(split))
        clips = _unlabelled(frames) if split == "test" else _labelled(folder, split, frames)
        return Dataset("cityscapes", "segmentation", split, CLASSES, PALETTE, clips, LICENCE)


def _part(split: str) -> str:
    return split.partition("-")[0]


def _frames(folder: Path, part: str) -> dict[Drive, dict[int, Path]]:
    """Every picture of a split, by drive and frame number."""
    roots = [folder / package / part for package in (_FILMS, _STILLS)]
    root = next((root for root in roots if root.is_dir()), None)
    if root is None:
        raise StreamdeqError(f"expected the pictures of '{part}' in {roots[0]} or {roots[1]}, found neither; {SOURCE}")
    frames: dict[Drive, dict[int, Path]] = defaultdict(dict)
    for drive, number, path in _named(root, _STILLS):
        frames[drive][number] = path
    if not frames:
        raise StreamdeqError(f"expected pictures CITY/CITY_000000_000019_{_STILLS}.png in {root}, found none; {SOURCE}")
    return frames


def _named(root: Path, kind: str) -> Iterator[tuple[Drive, int, Path]]:
    """The files of a kind below `root`, by city, sequence and frame."""
    for city in subfolders(root):
        for name in sorted(os.listdir(city)):
            if name.startswith(".") or not name.endswith(f"_{kind}.png"):
                continue
            match = _NAME.fullmatch(name)
            if match is None or match["kind"] != kind or match["city"] != city.name:
                raise StreamdeqError(
                    f"expected a name such as {city.name}_000000_000019_{kind}.png, got {city / name}; "
                    "unpack Cityscapes again"
                )
            yield (match["city"], match["sequence"]), int(match["frame"]), city / name


def _labelled(folder: Path, split: str, frames: dict[Drive, dict[int, Path]]) -> tuple[Clip, ...]:
    root = folder / _LABELS / _part(split)
    found = _label_files(root) if root.is_dir() else {}
    chosen = {at: label for at, label in found.items() if _belongs(at[0][0], split)}
    if not chosen:
        where = f"{root}, cities {', '.join(HOLDOUT_CITIES)}" if found and split == "train-holdout" else str(root)
        raise StreamdeqError(
            f"expected labels *_{next(iter(CODINGS))}.png of '{split}' in {where}, found none; {SOURCE}"
        )
    return tuple(_film(drive, n, label, frames.get(drive, {})) for (drive, n), label in sorted(chosen.items(), key=_at))


def _label_files(root: Path) -> dict[tuple[Drive, int], LabelFile]:
    found: dict[tuple[Drive, int], LabelFile] = {}
    for kind, coding in CODINGS.items():
        for drive, number, path in _named(root, kind):
            found.setdefault((drive, number), LabelFile(path, coding))
    return found


def _at(item: tuple[tuple[Drive, int], LabelFile]) -> tuple[Drive, int]:
    return item[0]


def _belongs(city: str, split: str) -> bool:
    held = city in HOLDOUT_CITIES
    return {"train-fit": not held, "train-holdout": held}.get(split, True)


def _film(drive: Drive, n: int, label: LabelFile, frames: dict[int, Path]) -> Clip:
    """The frames around the labelled frame `n`, at most 19 before and 10 after it, as far as there is no gap."""
    if n not in frames:
        raise StreamdeqError(f"expected the picture of {label.path}, which is missing; {SOURCE}")
    first, last = n, n
    while first - 1 in frames and n - first < _BEFORE:
        first -= 1
    while last + 1 in frames and last - n < _AFTER:
        last += 1
    pictures = PictureFiles(tuple(frames[number] for number in range(first, last + 1)))
    return Clip(f"{drive[0]}_{drive[1]}_{n:06d}", FPS, pictures, LabelMaps(pictures, {n - first: label}))


def _unlabelled(frames: dict[Drive, dict[int, Path]]) -> tuple[Clip, ...]:
    clips = []
    for (city, sequence), numbered in sorted(frames.items()):
        for run in runs(sorted(numbered), lambda run, n: n == run[-1] + 1):
            pictures = PictureFiles(tuple(numbered[n] for n in run))
            clips.append(Clip(f"{city}_{sequence}_{run[0]:06d}", FPS, pictures, Held.of({})))
    return tuple(clips)
