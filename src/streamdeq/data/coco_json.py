"""COCO's JSON: its pictures, where they lie, the films they form, where an entry stands. Which file: `coco_files`.

Pictures lie where `file_name` says, below the folder, its `images/`, or the split's folder in either.

Ids are whole numbers or text. Pictures whose `file_name` is of another machine are looked for by its last part.

What is a shot: images with a `video_id` are a film, in the order of their `frame_id`; where that rises by more than
the film's usual step, another shot begins. Other images are shots of one frame.
"""

import os
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Annotated, Any, TypeVar

from msgspec import Meta, field

from streamdeq.data.base import Clip
from streamdeq.data.boxes import box_in_frame
from streamdeq.data.coco_files import SPLITS
from streamdeq.data.documents import Json, Schema
from streamdeq.data.frames import PictureFiles, runs
from streamdeq.data.reader import below
from streamdeq.data.targets import Held, Sized
from streamdeq.errors import StreamdeqError
from streamdeq.values import UNKNOWN

FPS = 25.0
"""Of a film that does not say it."""
STILL_FPS = 1.0

_ROOTS = (
    ".", "images", "{0}", "images/{0}", "{0}2017", "images/{0}2017", "data", "{0}/data", "{0}/images", "images/default",
)  # fmt: skip
Id = int | float | str


def plain_id(given: Any) -> Any:
    """Numbers in quotes, and those with .0, as numbers: tools write an id either way in one and the same file.

    Raises:
        ValueError: a fraction.
    """
    if isinstance(given, float):
        if not given.is_integer():
            raise ValueError(f"{given} is no id")
        return int(given)
    return int(given) if isinstance(given, str) and re.fullmatch(r"-?\d{1,18}", given, re.ASCII) else given


class Picture(Schema):
    """An entry of `images`."""

    expected = "id, file_name, width and height"
    id: Id
    file_name: str
    width: Annotated[float, Meta(gt=0)] = inf
    height: Annotated[float, Meta(gt=0)] = inf
    video_id: Any = None
    frame_id: Any = 0
    is_vid_train_frame: Any = True

    def __post_init__(self) -> None:
        self.id, self.file_name = plain_id(self.id), self.file_name.replace("\\", "/")


class Video(Schema):
    expected = "a whole number as id"
    id: int
    name: Any = None
    fps: Annotated[float, Meta(gt=0, le=1e6, description="fps above 0")] = FPS


class Category(Schema):
    expected = "an id and a name"
    id: Id
    name: str
    supercategory: Any = None

    def __post_init__(self) -> None:
        self.id = plain_id(self.id)


class Annotation(Schema):
    """What all annotations say."""

    expected = "the id of an image"
    image_id: Id
    category_id: Any = None
    instance_id: Any = None
    track_id: Any = None
    iscrowd: Any = False
    ignore: Any = False

    def __post_init__(self) -> None:
        self.image_id = plain_id(self.image_id)


class Coco(Schema, kw_only=True):
    """A file but for its annotations and categories, which depend on what is labelled."""

    expected = "COCO's JSON with a list of images, annotations and categories"
    images: Annotated[list[Picture], Meta(min_length=1, description="COCO's JSON with a list of images")]
    videos: Annotated[list[Video], Meta(description="videos in {} to be a list")] = field(default_factory=list)
    licenses: Any = None


E = TypeVar("E", Picture, Video, Category)


@dataclass(frozen=True)
class Shot:
    """Pictures that follow one another."""

    name: str
    fps: float
    pictures: tuple[Picture, ...]

    def clip(self, root: Path, held: Held, origin: Path) -> Clip:
        """With targets in the pixels of the sizes that the file, `origin`, declares."""
        frames = PictureFiles(tuple(root / one.file_name for one in self.pictures))
        sizes = {t: (one.height, one.width) for t, one in enumerate(self.pictures) if max(one.height, one.width) < inf}
        return Clip(self.name, self.fps, frames, Sized(held, frames, sizes, origin))


@dataclass(frozen=True, eq=False)
class CocoFile:
    """What a file says: pictures and videos by id, categories and annotations as they stand."""

    json: Json
    pictures: dict[Id, Picture]
    videos: dict[int, Video]
    annotations: list[Any]
    categories: list[Any]
    licence: str

    @classmethod
    def read(cls, path: Path, kind: type[Coco]) -> "CocoFile":
        """A file whose schema `kind` has `annotations` and `categories` besides.

        Raises:
            StreamdeqError: with file, line and reason for what is broken.
        """
        json = Json(path)
        whole: Any = json.read(kind)
        for k, one in enumerate(whole.images):
            frame = 0 if one.video_id is None else one.frame_id
            if not (one.video_id is None or _is_whole(one.video_id)) or not _is_whole(frame):
                raise StreamdeqError(
                    f"expected whole numbers as video_id and frame_id in {json.where('images', k)}, "
                    f"got {one.video_id} and {frame}; correct it"
                )
        listed = whole.licenses if isinstance(whole.licenses, list) else []
        names = [one["name"] for one in listed if isinstance(one, dict) and one.get("name")]
        pictures, videos = _by_id("images", whole.images, json), _by_id("videos", whole.videos, json)
        categories = _by_id("categories", whole.categories, json)
        return cls(json, pictures, videos, whole.annotations, list(categories.values()), ", ".join(names))

    def where(self, k: int) -> str:
        """Annotation `k`, in words for an error."""
        return self.json.where("annotations", k)

    def picture_of(self, k: int) -> Picture:
        """What annotation `k` is about."""
        picture = self.pictures.get(self.annotations[k].image_id)
        if picture is None:
            raise StreamdeqError(f"expected the id of an image in {self.where(k)}, got {self.annotations[k].image_id}")
        return picture

    def within(self, k: int, bbox: Sequence[float]) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of annotation `k`'s left, top, width, height, cut to its picture.

        Raises:
            StreamdeqError: nothing of it is in the picture.
        """
        picture, (left, top, width, height) = self.picture_of(k), bbox
        corners = (left, top, left + width, top + height)
        try:
            return box_in_frame(corners, picture.width, picture.height, "")
        except StreamdeqError:  # where it stands is only looked for when it is asked for: the file may be large
            return box_in_frame(corners, picture.width, picture.height, self.where(k))

    def category_of(self, k: int, known: Collection[Id]) -> Id:
        """The id of what annotation `k` shows, one of `known`."""
        given = self.annotations[k].category_id
        if isinstance(given, str):
            given = plain_id(given)
        if isinstance(given, bool) or not isinstance(given, Id) or given not in known:
            of = ", ".join(map(str, known))
            raise StreamdeqError(f"expected a category_id of {of} in {self.where(k)}, got {given}; correct it")
        return given

    def instance_of(self, k: int) -> int:
        """Which object annotation `k` shows, `UNKNOWN` where that is not said."""
        entry = self.annotations[k]
        key = "track_id" if entry.instance_id is None else "instance_id"
        given = entry.track_id if entry.instance_id is None else entry.instance_id
        if given is not None and not _is_whole(given):
            raise StreamdeqError(f"expected a whole number as {key} in {self.where(k)}, got {given}; correct it")
        return UNKNOWN if given is None else given

    def root_in(self, folder: Path, split: str, outside: bool) -> Path:
        """Where `file_name`s begin."""
        first = next(iter(self.pictures.values())).file_name
        folder = _home(folder)
        for root in (folder / root.format(name) for name in SPLITS[split] for root in _ROOTS):
            if os.path.exists(root / first):
                for one in self.pictures.values():
                    if ".." in one.file_name or os.path.isabs(one.file_name):
                        below(folder, str(root / one.file_name), str(self.json.path), outside)
                return root
            lasts = {one.id: Path(one.file_name).name for one in self.pictures.values()}
            if os.path.exists(root / lasts[next(iter(lasts))]) and len(set(lasts.values())) == len(lasts):
                for one in self.pictures.values():
                    one.file_name = lasts[one.id]
                return root
        raise StreamdeqError(
            f"expected the picture '{first}' of {self.json.path} in {folder} or its images/, found it in none"
        )

    def shots(self) -> Iterator[Shot]:
        """Pictures, then films."""
        films: dict[int, list[Picture]] = defaultdict(list)
        for one in self.pictures.values():
            if one.video_id is None:
                yield Shot(one.file_name, STILL_FPS, (one,))
            else:
                films[one.video_id].append(one)
        for number, pictures in films.items():
            about = self.videos.get(number, Video(number))
            yield from _film(name_of(about), about.fps, pictures, self.json.path)


def _home(folder: Path) -> Path:
    """Where a data set begins: its folder, or that of the file given in its place."""
    above = folder.parent
    return folder if folder.is_dir() else above.parent if above.name == "annotations" else above


def ordered(read: CocoFile) -> list[Any]:
    """Its categories by their ids, which is the order of classes.

    Without the one that Roboflow puts before them: it is called as the project, all others are in it, and nothing is
    labelled as it.
    """
    first, *others = sorted(read.categories, key=lambda one: (isinstance(one.id, str), one.id)) or [None]
    of_all = others and first.supercategory == "none" and all(one.supercategory == first.name for one in others)
    if of_all and not any(one.category_id in (first.id, str(first.id)) for one in read.annotations):
        return others
    return [one for one in (first, *others) if one is not None]


def name_of(video: Video) -> str:
    return str(video.id if video.name is None else video.name)


def _is_whole(value: Any) -> bool:
    """That int64 holds."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _by_id(key: str, entries: list[E], json: Json) -> dict[Any, E]:
    found: dict[Any, E] = {}
    for k, entry in enumerate(entries):
        if entry.id in found:
            raise StreamdeqError(f"expected each id once, got {entry.id} again in {json.where(key, k)}; correct it")
        found[entry.id] = entry
    return found


def _film(name: str, fps: float, pictures: list[Picture], path: Path) -> Iterator[Shot]:
    """One shot, or as many as the film has gaps."""
    ordered = sorted(pictures, key=lambda one: one.frame_id)
    steps = [b.frame_id - a.frame_id for a, b in pairwise(ordered)]
    if 0 in steps:
        double = ordered[steps.index(0)]
        raise StreamdeqError(f"expected each frame_id once per video in {path}, got {double.frame_id} twice in {name}")
    step = min(steps, default=1)
    parts = runs(ordered, lambda part, one: one.frame_id - part[-1].frame_id <= step)
    for part in parts:
        yield Shot(f"{name}@{part[0].frame_id}" if len(parts) > 1 else name, fps / step, tuple(part))
