"""Boxes as MOTChallenge has them: a table per film, `frame, id, left, top, width, height, counts, class, visibility`.

Layout: `SPLIT/SEQUENCE/img1/000001.jpg` with `SPLIT/SEQUENCE/gt/gt.txt` and perhaps `SPLIT/SEQUENCE/seqinfo.ini`
(`frameRate`, `imDir`), or a film `SPLIT/NAME.mp4` with `NAME.txt` beside it; without a folder for a split all is train.
Frames are counted from 1 and all of them are labelled, of a film those up to the last in its table. Columns from the
seventh on may be missing: a row counts unless that says 0, which is a box to be ignored. Classes are those of
`classes.txt`, numbered from 1; without it there is `person` alone. Coordinates are taken as they stand.
"""

import math
import re
from collections.abc import Iterator
from pathlib import Path

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.boxes import LabelledBox, box_in_frame, collect, with_motion
from streamdeq.data.class_names import classes_file, read_classes
from streamdeq.data.documents import read_csv
from streamdeq.data.exports import SPLITS
from streamdeq.data.films import films, fps_of, frames_until, size_hw
from streamdeq.data.frames import PictureFiles
from streamdeq.data.pictures import pictures, size_of, subfolders
from streamdeq.data.problems import Problems
from streamdeq.data.reader import READERS, Reader, own_dataset
from streamdeq.data.targets import Held
from streamdeq.errors import StreamdeqError
from streamdeq.reading import read_text
from streamdeq.values import UNKNOWN
from streamdeq.values.boxes import Boxes

FPS = 25.0
PERSON = ("person",)
_ROW = re.compile(rb"\s*\d+(\.0*)?\s*,\s*-?\d+(\.0*)?\s*,(\s*-?[\d.]+\s*,){3}")
_MOST_FRAMES = 10_000_000


@READERS.register("mot")
class Mot(Reader):
    title = "MOTChallenge"
    expected = "train/SEQUENCE/img1/ with train/SEQUENCE/gt/gt.txt, or train/NAME.mp4 with NAME.txt of that form"
    source = "https://motchallenge.net, or your tracker's or labelling tool's export in that form"
    task = "detection"

    def splits(self, folder: Path) -> tuple[str, ...]:
        return tuple(_places(folder))

    def open(self, folder: Path, split: str) -> Dataset:
        self.check_split(folder, split)
        listed = classes_file(folder)
        classes = PERSON if listed is None else read_classes(listed).names
        clips, problems = list[Clip](), Problems()
        for place in _places(folder)[split]:
            with problems.collect():
                clips.append(_film(place, classes) if place.is_file() else _sequence(place, classes))
        problems.tell()
        return own_dataset(folder, self.task, split, classes, clips)


def _places(folder: Path) -> dict[str, list[Path]]:
    """The sequences, or films, of every split."""
    found = {
        split: [place for name in names if (folder / name).is_dir() for place in _in(folder / name)]
        for split, names in SPLITS.items()
    }
    found = {split: places for split, places in found.items() if places}
    return found or ({"train": alone} if folder.is_dir() and (alone := _in(folder)) else {})


def _in(folder: Path) -> list[Path]:
    sequences = [path for path in subfolders(folder) if (path / "gt/gt.txt").is_file()]
    return [*sequences, *(path for path in films(folder.iterdir()) if _is_table(path.with_suffix(".txt")))]


def _is_table(path: Path) -> bool:
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return bool(_ROW.match(file.read(200)))


def _sequence(place: Path, classes: tuple[str, ...]) -> Clip:
    about = read_text(place / "seqinfo.ini") if (place / "seqinfo.ini").is_file() else ""
    said = dict(re.findall(r"^(frameRate|imDir)\s*=\s*(\S+)\s*$", about, re.MULTILINE))
    folder = place / (said["imDir"] if re.fullmatch(r"[\w-]+", said.get("imDir", "")) else "img1")
    found = pictures(folder.iterdir()) if folder.is_dir() else []
    if not found:
        raise StreamdeqError(f"expected the pictures of {place / 'gt/gt.txt'} in {folder}, found none; put them there")
    rate = said.get("frameRate", "")
    fps = float(rate) if re.fullmatch(r"\d{1,5}(\.\d{1,9})?", rate, re.ASCII) and float(rate) > 0 else FPS
    shown = dict(_boxes(place / "gt/gt.txt", size_of(found[0]), classes, len(found)))
    return Clip(place.name, fps, PictureFiles(tuple(found)), Held.of(with_motion(shown)))


def _film(path: Path, classes: tuple[str, ...]) -> Clip:
    shown = dict(_boxes(path.with_suffix(".txt"), size_hw(path), classes, None))
    return Clip(path.stem, fps_of(path), frames_until(path, max(shown)), Held.of(with_motion(shown)))


def _boxes(
    table: Path, size: tuple[int, int], classes: tuple[str, ...], count: int | None
) -> Iterator[tuple[int, Boxes]]:
    """Of every frame, by its number from 0; `count` is how many there are, None for those up to the last row's."""
    rows, problems = dict[int, list[LabelledBox]](), Problems()
    for line, row in read_csv(table):
        with problems.collect():
            frame, box = _row(row, size, classes, f"{table}, line {line}")
            if frame >= (_MOST_FRAMES if count is None else count):
                raise StreamdeqError(
                    f"expected a frame 1..{count or _MOST_FRAMES} in {table}, line {line}, got {frame + 1}; correct it"
                )
            rows.setdefault(frame, []).append(box)
    problems.tell()
    last = max(rows, default=0) + 1 if count is None else count
    return ((t, collect(rows.get(t, ()))) for t in range(last))


def _row(row: list[str], size: tuple[int, int], classes: tuple[str, ...], where: str) -> tuple[int, LabelledBox]:
    try:
        values = [float(text) for text in row]
        frame, number, left, top, width, height = values[:6]
        if not all(map(math.isfinite, values)) or frame != int(frame) or frame < 1 or abs(number) >= 2**31:
            raise ValueError
    except ValueError:
        raise StreamdeqError(
            f"expected frame (from 1), id, left, top, width, height in {where}, got '{','.join(row)[:60]}'; correct it"
        ) from None
    counts = values[6] != 0 if len(values) > 6 else True
    kind = int(values[7]) if len(values) > 7 and values[7] > 0 else 1
    if counts and kind > len(classes):
        raise StreamdeqError(
            f"expected a class 1..{len(classes)} in {where}, got {kind}; name the classes in classes.txt, or write 0 "
            "in the seventh column"
        )
    box = box_in_frame((left, top, left + width, top + height), size[1], size[0], where)
    label = kind - 1 if kind <= len(classes) else 0
    return int(frame) - 1, LabelledBox(box, label, not counts, int(number) if number >= 0 else UNKNOWN)
