"""COCO's JSON: its pictures, where they lie, the films they form, where an entry stands. Knows no kind of label.

Pictures lie where `file_name` says, below the folder, its `images/`, or the split's folder in either.

What is a shot: images with a `video_id` are a film, in the order of their `frame_id`; where that rises by more than
the film's usual step, another shot begins. Other images are shots of one frame.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from streamdeq.data.boxed import box_in_frame, numbers
from streamdeq.data.classes import read_text
from streamdeq.errors import StreamdeqError
from streamdeq.values import UNKNOWN

SPLITS = {"train": ("train",), "val": ("val", "valid"), "test": ("test",)}
"""What each split is called in files' names."""
FPS = 25.0
"""Of a film that does not say it."""
STILL_FPS = 1.0

T = TypeVar("T")

#: Where an entry of a list stands, in words for an error.
_Where = Callable[[str, int], str]

_ROOTS = (".", "images", "{0}", "images/{0}", "{0}2017", "images/{0}2017")


@dataclass(frozen=True)
class Picture:
    """An entry of `images`."""

    id: int
    file: str
    width: float
    height: float
    video: int | None
    frame: int
    trained: bool


@dataclass(frozen=True)
class Shot:
    """Pictures that follow one another."""

    name: str
    fps: float
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, eq=False)
class CocoFile:
    """A JSON file: its pictures and videos, by id, and categories checked, its annotations as they stand.

    `text` finds where an entry stands, for errors alone.
    """

    path: Path
    text: str
    pictures: dict[int, Picture]
    annotations: list[Any]
    categories: list[dict[str, Any]]
    videos: dict[int, dict[str, Any]]
    licence: str

    def where(self, key: str, index: int) -> str:
        """Entry `index` of a list, in words for an error."""
        return _where(self.path, self.text, key, index)

    def picture_of(self, k: int) -> Picture:
        """What annotation `k` is about."""
        entry = self.annotations[k]
        number = entry.get("image_id") if isinstance(entry, dict) else None
        picture = self.pictures.get(number) if isinstance(number, int) else None
        if picture is None:
            raise StreamdeqError(f"expected the id of an image in {self.where('annotations', k)}, got {entry}")
        return picture

    def within(self, k: int, box: tuple[float, ...]) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of annotation `k`'s left, top, width, height, cut to its picture.

        Raises:
            StreamdeqError: nothing of it is in the picture.
        """
        picture, (left, top, width, height) = self.picture_of(k), box
        corners = (left, top, left + width, top + height)
        try:
            return box_in_frame(corners, picture.width, picture.height, "")
        except StreamdeqError:  # where it stands is only looked for when it is asked for: the file may be large
            return box_in_frame(corners, picture.width, picture.height, self.where("annotations", k))

    def category_of(self, k: int, known: Collection[int]) -> int:
        """The id of what annotation `k` shows, one of `known`."""
        given = self.annotations[k].get("category_id")
        if not _is_whole(given) or given not in known:
            of, where = ", ".join(map(str, known)), self.where("annotations", k)
            raise StreamdeqError(f"expected a category_id of {of} in {where}, got {given}; correct it")
        return given

    def instance_of(self, k: int) -> int:
        """Which object annotation `k` shows, `UNKNOWN` where that is not said."""
        entry = self.annotations[k]
        key = "track_id" if entry.get("instance_id") is None else "instance_id"
        given = UNKNOWN if entry.get(key) is None else entry[key]
        if not _is_whole(given):
            where = self.where("annotations", k)
            raise StreamdeqError(f"expected a whole number as {key} in {where}, got {given}; correct it")
        return given


def find(folder: Path, split: str, files: tuple[str, ...]) -> Path | None:
    """The first of `files` that there is; `{0}` in them is the split."""
    spelled = [folder / file.format(name) for name in SPLITS[split] for file in files]
    return next((path for path in spelled if path.is_file()), None)


def read_coco(path: Path) -> CocoFile:
    """Raises StreamdeqError with file, line and reason for what is broken."""
    text = read_text(path)
    try:
        whole = json.loads(text)
    except json.JSONDecodeError as error:
        raise StreamdeqError(f"expected JSON in {path}, line {error.lineno}, got: {error.msg}; correct it") from error
    for key in ("images", "annotations", "categories"):
        if not isinstance(whole, dict) or not isinstance(whole.get(key), list):
            raise StreamdeqError(f"expected COCO's JSON with a list of {key} in {path}, got none; is it another file?")
    where = partial(_where, path, text)
    pictures = [_picture(k, entry, where) for k, entry in enumerate(whole["images"])]
    if not pictures:
        raise StreamdeqError(f"expected images in {path}, got none; is it another file?")
    for k, entry in enumerate(whole["categories"]):
        good = isinstance(entry, dict) and isinstance(entry.get("id"), int) and isinstance(entry.get("name"), str)
        if not good:
            raise StreamdeqError(f"expected an id and a name in {where('categories', k)}, got {entry}")
    films = whole.get("videos", [])
    if not isinstance(films, list):
        raise StreamdeqError(f"expected videos in {path} to be a list, got {films}; correct it or leave it out")
    for k, entry in enumerate(films):
        _check_video(k, entry, where)
    categories = _by_id("categories", [entry["id"] for entry in whole["categories"]], whole["categories"], where)
    names = [one["name"] for one in _listed(whole.get("licenses")) if isinstance(one, dict) and one.get("name")]
    return CocoFile(
        path,
        text,
        _by_id("images", [one.id for one in pictures], pictures, where),
        whole["annotations"],
        list(categories.values()),
        _by_id("videos", [entry["id"] for entry in films], films, where),
        ", ".join(names),
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _picture(k: int, entry: Any, where: _Where) -> Picture:
    good = isinstance(entry, dict) and isinstance(entry.get("id"), int) and isinstance(entry.get("file_name"), str)
    size = numbers([entry.get("width", float("inf")), entry.get("height", float("inf"))], 2) if good else None
    if size is None or min(size) <= 0:
        raise StreamdeqError(
            f"expected id, file_name, width and height in {where('images', k)}, got {entry}; correct it"
        )
    video = entry.get("video_id")
    frame = 0 if video is None else entry.get("frame_id", 0)
    if not (video is None or _is_whole(video)) or not _is_whole(frame):
        raise StreamdeqError(
            f"expected whole numbers as video_id and frame_id in {where('images', k)}, got {video} and {frame}; "
            "correct it"
        )
    trained = bool(entry.get("is_vid_train_frame", True))
    return Picture(entry["id"], entry["file_name"], size[0], size[1], video, frame, trained)


def _check_video(k: int, entry: Any, where: _Where) -> None:
    if not isinstance(entry, dict) or not _is_whole(entry.get("id")):
        raise StreamdeqError(f"expected a whole number as id in {where('videos', k)}, got {entry}; correct it")
    fps = numbers([entry.get("fps", FPS)], 1)
    if fps is None or not 0 < fps[0] < float("inf"):
        raise StreamdeqError(
            f"expected fps above 0 in {where('videos', k)}, got {entry['fps']}; correct it or leave it out"
        )


def _is_whole(value: Any) -> bool:
    """That int64 holds."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _by_id(key: str, ids: list[int], entries: list[T], where: _Where) -> dict[int, T]:
    found: dict[int, T] = {}
    for k, (number, entry) in enumerate(zip(ids, entries, strict=True)):
        if number in found:
            raise StreamdeqError(f"expected each id once, got {number} again in {where(key, k)}; correct it")
        found[number] = entry
    return found


def _where(path: Path, text: str, key: str, index: int) -> str:
    found = re.search(rf'"{key}"\s*:\s*\[\s*', text)
    place, decoder, begin = found.end() if found else 0, json.JSONDecoder(), 0
    for _ in range(index + 1):
        begin, (_, end) = place, decoder.raw_decode(text, place)
        place = re.compile(r"[\s,]*").match(text, end).end()  # type: ignore[union-attr]
    line = text.count("\n", 0, begin) + 1
    return f"{path}, line {line}, {key} number {index + 1}"


def root_of(folder: Path, split: str, read: CocoFile) -> Path:
    """Where `file_name`s begin."""
    first = next(iter(read.pictures.values())).file
    for root in (folder / root.format(name) for name in SPLITS[split] for root in _ROOTS):
        if (root / first).exists():
            return root
    raise StreamdeqError(f"expected the picture '{first}' of {read.path} in {folder} or its images/, found it in none")


def shots_of(read: CocoFile) -> Iterator[Shot]:
    """Pictures, then films."""
    films: dict[int, list[Picture]] = defaultdict(list)
    for one in read.pictures.values():
        if one.video is None:
            yield Shot(one.file, STILL_FPS, (one,))
        else:
            films[one.video].append(one)
    for number, pictures in films.items():
        about = read.videos.get(number, {})
        yield from _film(str(about.get("name", number)), float(about.get("fps", FPS)), pictures, read.path)


def _film(name: str, fps: float, pictures: list[Picture], path: Path) -> Iterator[Shot]:
    """One shot, or as many as the film has gaps."""
    ordered = sorted(pictures, key=lambda one: one.frame)
    steps = [b.frame - a.frame for a, b in pairwise(ordered)]
    if 0 in steps:
        double = ordered[steps.index(0)]
        raise StreamdeqError(f"expected each frame_id once per video in {path}, got {double.frame} twice in {name}")
    step = min(steps, default=1)
    parts = [[ordered[0]]]
    for one, rise in zip(ordered[1:], steps, strict=True):
        if rise > step:
            parts.append([])
        parts[-1].append(one)
    for part in parts:
        yield Shot(f"{name}@{part[0].frame}" if len(parts) > 1 else name, fps / step, tuple(part))
