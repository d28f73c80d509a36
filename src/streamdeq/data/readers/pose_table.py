"""Key points in one table, `labels.csv`, beside `keypoints.json` and the frames.

`labels.csv` has the columns frame_file, sequence, frame_index, instance, keypoint, x, y, visible, score, split: a row
per point, x and y 0-based pixels of the frame, empty where visible is 0. A frame_file that ends in .mp4 means
frame number frame_index of that film. Frames of a sequence whose numbers follow one another are a clip; frames with no
number, or -1, are clips of one. Where the file `labels_smooth.csv` is there, it is read instead.

`keypoints.json` has `keypoints` (names, in order), and perhaps `skeleton` and `flip_pairs` (pairs of names; without it,
the names tell).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType, field

from streamdeq.data.base import Clip
from streamdeq.data.documents import Json, Schema, read_csv
from streamdeq.data.frames import FilmFrames, PictureFiles, runs
from streamdeq.data.pictures import size_of
from streamdeq.data.poses import Pairs, PoseDataset, labelled_poses, own_poses, pairs_of, poses_of, sides_of
from streamdeq.data.problems import Problems
from streamdeq.data.reader import READERS, Reader, below
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

COLUMNS = ("frame_file", "sequence", "frame_index", "instance", "keypoint", "x", "y", "visible", "score", "split")
TABLES = ("labels_smooth.csv", "labels.csv")
SOURCE = f"labels.csv has the columns {', '.join(COLUMNS)}; keypoints.json has the list 'keypoints'"
#: What `visible` may say, in whatever case.
VISIBLE = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}
#: The split of rows that name none.
UNSPLIT = "all"
#: Of clips whose files do not say; only the times of frames follow from it.
FPS = 25.0


@dataclass(frozen=True)
class Names:
    """What keypoints.json says."""

    points: tuple[str, ...]
    skeleton: Pairs
    mirrored: Pairs


@dataclass(frozen=True)
class FrameKey:
    """A frame: a picture file, or a number in a film. `index` is None where it is in no sequence."""

    file: str
    sequence: str
    index: int | None

    @property
    def in_film(self) -> bool:
        return self.file.lower().endswith(".mp4")


#: x and y of every point that has a row, None where it is not visible.
Points = dict[str, tuple[float, float] | None]
#: The points of every instance, by its number, of every frame.
Rows = dict[FrameKey, dict[int, Points]]


@READERS.register("pose-table")
class PoseTable(Reader):
    title = "a table of key points"
    expected = "labels.csv with a row per key point, and keypoints.json"
    source = SOURCE

    def recognises(self, folder: Path) -> bool:
        return (folder / "keypoints.json").is_file() and any((folder / name).is_file() for name in TABLES)

    def splits(self, folder: Path) -> tuple[str, ...]:
        found = {row["split"] or UNSPLIT for _, row in _rows(_table(folder))}
        return tuple(split for split in ("train", "val", "test", UNSPLIT) if split in found)

    def open(self, folder: Path, split: str) -> PoseDataset:
        self.check_split(folder, split)
        names, table = read_names(folder / "keypoints.json"), _table(folder)
        rows: Rows = defaultdict(lambda: defaultdict(dict))
        problems = Problems()
        for line, row in _rows(table):
            if (row["split"] or UNSPLIT) == split:
                with problems.collect():
                    _take(row, rows, names, f"line {line} of {table}")
        for place in rows:
            with problems.collect():
                below(folder, place.file, str(table), self.allow_outside)
        problems.tell()
        clips = _clips(folder, rows, names)
        return own_poses(folder, split, names.points, names.skeleton, names.mirrored, clips)


class _Names(Schema):
    expected = "a list of names under 'keypoints'"
    keypoints: Annotated[
        list[Annotated[str, Meta(min_length=1)]], Meta(min_length=1, description="a list of names under 'keypoints'")
    ]
    skeleton: Annotated[list[tuple[str, str]], Meta(description="pairs of key point names as skeleton")] = field(
        default_factory=list
    )
    flip_pairs: Annotated[
        list[tuple[str, str]] | UnsetType, Meta(description="pairs of key point names as flip_pairs")
    ] = UNSET


def read_names(path: Path) -> Names:
    """Raises StreamdeqError for anything but a list of different names and pairs of them."""
    read = Json(path).read(_Names)
    points = tuple(read.keypoints)
    if len(set(points)) < len(points):
        raise StreamdeqError(f"expected different names under 'keypoints' in {path}; one is there twice")
    skeleton = pairs_of(read.skeleton, points, f"'skeleton' of {path}")
    if read.flip_pairs is UNSET:
        return Names(points, skeleton, sides_of(points))
    return Names(points, skeleton, pairs_of(read.flip_pairs, points, f"'flip_pairs' of {path}"))


def _table(folder: Path) -> Path:
    return next(folder / name for name in TABLES if (folder / name).is_file())


def _rows(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row)."""
    lines = read_csv(table)
    _, names = next(lines, (0, []))
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise StreamdeqError(f"expected the column '{missing[0]}' in {table}; {SOURCE}")
    for number, line in lines:
        if len(line) != len(names):
            raise StreamdeqError(f"expected {len(names)} fields in line {number} of {table}; correct it")
        yield number, dict(zip(names, line, strict=True))


def _take(row: dict[str, str], rows: Rows, names: Names, where: str) -> None:
    """Put one row of the table where it belongs."""
    if row["keypoint"] not in names.points:
        raise StreamdeqError(f"{where}: {unknown('key point', row['keypoint'], list(names.points))}")
    visible = VISIBLE.get(row["visible"].strip().lower())
    if visible is None:
        raise StreamdeqError(f"expected 0 or 1 as visible in {where}, got '{row['visible']}'; correct it")
    try:
        number, instance = int(row["frame_index"] or -1), int(row["instance"] or 0)
        xy = (float(row["x"]), float(row["y"])) if visible else (math.nan, math.nan)
    except ValueError as error:
        raise StreamdeqError(f"expected numbers in {where}, got: {error}; correct it") from error
    if max(abs(number), abs(instance)) >= 2**31:
        raise StreamdeqError(f"expected frame_index and instance within 31 bits in {where}; correct it")
    if visible and not all(math.isfinite(value) for value in xy):
        raise StreamdeqError(f"expected finite x and y of a visible point in {where}; correct it")
    place = FrameKey(row["frame_file"], row["sequence"], number if number >= 0 and row["sequence"] else None)
    if place.in_film and place.index is None:
        raise StreamdeqError(f"expected a sequence and a frame_index of a film in {where}; correct it")
    points = rows[place][instance]
    if row["keypoint"] in points:
        raise StreamdeqError(
            f"expected each point of an instance once per frame, got '{row['keypoint']}' again in {where}; remove one"
        )
    points[row["keypoint"]] = xy if visible else None


def _clips(folder: Path, rows: Rows, names: Names) -> Iterator[Clip]:
    """Each film of a sequence, and runs of its pictures in which none is missing; then the frames in no sequence."""
    sequences: dict[tuple[str, str], list[FrameKey]] = defaultdict(list)  # by name and film
    for place in rows:
        if place.index is not None:
            sequences[place.sequence, place.file if place.in_film else ""].append(place)
    films = Counter(sequence for sequence, film in sequences if film)
    for (sequence, film), places in sequences.items():
        for run in runs(sorted(places, key=lambda place: place.index or 0), _follows):
            first = run[0].index
            if film:
                name = sequence if films[sequence] == 1 else f"{sequence}/{film}"
                yield _film(folder, name, run, rows, names)
            else:
                yield _pictures(folder, f"{sequence}@{first}", run, rows, names)
    for place in rows:
        if place.index is None:
            yield _pictures(folder, place.file, [place], rows, names)


def _follows(run: list[FrameKey], place: FrameKey) -> bool:
    """A film has the frames between labelled ones too; of pictures nothing else is known."""
    return place.in_film or place.index == (run[-1].index or 0) + 1


def _pictures(folder: Path, name: str, run: list[FrameKey], rows: Rows, names: Names) -> Clip:
    paths = tuple(folder / place.file for place in run)
    poses = {t: poses_of(rows[place], names.points, size_of(paths[t])) for t, place in enumerate(run)}
    return Clip(name, FPS, PictureFiles(paths), labelled_poses(poses))


def _film(folder: Path, name: str, run: list[FrameKey], rows: Rows, names: Names) -> Clip:
    film = FilmFrames(folder / run[0].file, (run[-1].index or 0) + 1)
    image = film.read(run[0].index or 0)
    size = (image.shape[0], image.shape[1])
    poses = {place.index or 0: poses_of(rows[place], names.points, size) for place in run}
    return Clip(name, FPS, film, labelled_poses(poses))
