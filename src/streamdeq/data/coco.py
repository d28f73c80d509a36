"""Boxes in COCO's JSON, of pictures or of films (COCO-VID). Knows no training.

Files, per split (train, val or valid, test), the first that exists: `SPLIT.json`, `annotations/SPLIT.json`,
`annotations/instances_SPLIT.json`, the same with `SPLIT2017`, `SPLIT/_annotations.coco.json`. Pictures lie where
`file_name` says, below the folder, its `images/`, or the split's folder in either.

What is a clip: images with a `video_id` are a film, in the order of their `frame_id`; where that rises by more than
the film's usual step, another clip begins. Other images are clips of one frame. Every image is labelled: one without
annotations shows that nothing is there. `iscrowd` or `ignore` objects count neither way; `instance_id` (or `track_id`)
says which object it is.

A split may be narrowed to some of its films: `val:NAME` or `val:NAME,NAME`.
"""

import json
import re
from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from streamdeq.boxes import UNKNOWN, Boxes
from streamdeq.data.base import Dataset
from streamdeq.data.boxed import BoxClip, Labelled, box_in_frame, collect, numbers
from streamdeq.data.classes import read_text
from streamdeq.data.labelled import distinct_colours
from streamdeq.data.layout import Layout
from streamdeq.data.speed import with_motion
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

EXPECTED = "train.json and val.json in COCO's form, or annotations/instances_train.json, …"
SOURCE = (
    "COCO: https://cocodataset.org (annotations/ and the pictures' folders); your own: export COCO JSON from your "
    "labelling tool as train.json and val.json; films: give images a video_id and a frame_id, and list videos with fps"
)
LICENCE = "not stated by the data"
SPLITS = {"train": ("train",), "val": ("val", "valid"), "test": ("test",)}
FPS = 25.0
"""Of a film that does not say it."""
STILL_FPS = 1.0

_FILES = (
    "{0}.json", "annotations/{0}.json", "annotations/instances_{0}.json", "annotations/instances_{0}2017.json",
    "{0}/_annotations.coco.json",
)  # fmt: skip
_ROOTS = (".", "images", "{0}", "images/{0}", "{0}2017", "images/{0}2017")


@dataclass(frozen=True)
class _Picture:
    """An entry of `images`."""

    id: int
    file: str
    width: float
    height: float
    video: int | None
    frame: int
    trained: bool


@dataclass(frozen=True)
class _File:
    """A JSON file, its entries checked."""

    path: Path
    classes: tuple[str, ...]
    pictures: tuple[_Picture, ...]
    boxes: dict[int, Boxes]
    videos: dict[int, dict[str, Any]]
    licence: str


def is_coco(folder: Path) -> bool:
    return any(_find(folder, split) for split in SPLITS)


def splits(folder: Path) -> tuple[str, ...]:
    return tuple(split for split in SPLITS if _find(folder, split))


def open_coco(folder: Path, split: str) -> Dataset:
    """A split in `folder`, perhaps narrowed to some films. Pictures are read frame by frame."""
    name, _, films = split.partition(":")
    path = _find(folder, name) if name in SPLITS else None
    if path is None:
        raise StreamdeqError(unknown("split", name, list(splits(folder))))
    read = read_coco(path)
    clips = _clips(read, _root(folder, name, read))
    if films:
        clips = _narrowed(clips, films.split(","), read)
    palette = distinct_colours(len(read.classes))
    licence = _licence(folder, read.licence)
    return Dataset(folder.resolve().name, "detection", split, read.classes, palette, clips, licence)


def _find(folder: Path, split: str) -> Path | None:
    spelled = [folder / file.format(name) for name in SPLITS[split] for file in _FILES]
    return next((path for path in spelled if path.is_file()), None)


def _root(folder: Path, split: str, read: _File) -> Path:
    """Where `file_name`s begin."""
    roots = [folder / root.format(name) for name in SPLITS[split] for root in _ROOTS]
    first = read.pictures[0].file if read.pictures else ""
    for root in roots:
        if (root / first).exists():
            return root
    raise StreamdeqError(f"expected the picture '{first}' of {read.path} in {folder} or its images/, found it in none")


def _licence(folder: Path, stated: str) -> str:
    """What the file says, else the paragraph of the folder's README that begins with `Licence:`."""
    readme = folder / "README.md"
    if not stated and readme.is_file():
        found = re.search(r"^Licen[cs]e: (.+?)(?:\n\s*\n|\Z)", read_text(readme), re.MULTILINE | re.DOTALL)
        stated = " ".join(found[1].split()) if found else ""
    return stated or LICENCE


# -- the file ----------------------------------------------------------------------------------------------


def read_coco(path: Path) -> _File:
    """Raises StreamdeqError with file, line and reason for what is broken."""
    text = read_text(path)
    try:
        whole = json.loads(text)
    except json.JSONDecodeError as error:
        raise StreamdeqError(f"expected JSON in {path}, line {error.lineno}, got: {error.msg}; correct it") from error
    for key in ("images", "annotations", "categories"):
        if not isinstance(whole, dict) or not isinstance(whole.get(key), list):
            raise StreamdeqError(f"expected COCO's JSON with a list of {key} in {path}, got none; is it another file?")
    entries = _Entries(path, text)
    numbers_of, classes = _classes(whole["categories"], entries)
    pictures = {one.id: one for one in (_picture(k, entry, entries) for k, entry in enumerate(whole["images"]))}
    objects: dict[int, list[Labelled]] = {number: [] for number in pictures}
    for k, entry in enumerate(whole["annotations"]):
        picture = pictures.get(entry.get("image_id"))
        if picture is None:
            raise StreamdeqError(f"expected the id of an image in {entries.where('annotations', k)}, got {entry}")
        objects[picture.id].append(_object(k, entry, picture, numbers_of, entries))
    boxes = {number: collect(found) for number, found in objects.items()}
    videos = {video["id"]: video for video in whole.get("videos", [])}
    names = [one["name"] for one in whole.get("licenses") or [] if isinstance(one, dict) and one.get("name")]
    return _File(path, classes, tuple(pictures.values()), boxes, videos, ", ".join(names))


@dataclass(frozen=True)
class _Entries:
    """Finds where an entry stands, for errors alone."""

    path: Path
    text: str

    def where(self, key: str, index: int) -> str:
        found = re.search(rf'"{key}"\s*:\s*\[', self.text)
        place, decoder = found.end() if found else 0, json.JSONDecoder()
        for _ in range(index + 1):
            place = self.text.index("{", place)
            begin, (_, place) = place, decoder.raw_decode(self.text, place)
        line = self.text.count("\n", 0, begin) + 1
        return f"{self.path}, line {line}, {key} number {index + 1}"


def _classes(categories: list[Any], entries: _Entries) -> tuple[dict[int, int], tuple[str, ...]]:
    """From a category's id to its class, and the classes' names, by rising ids."""
    for k, entry in enumerate(categories):
        good = isinstance(entry, dict) and isinstance(entry.get("id"), int) and isinstance(entry.get("name"), str)
        if not good:
            raise StreamdeqError(f"expected an id and a name in {entries.where('categories', k)}, got {entry}")
    ordered = sorted(categories, key=lambda entry: entry["id"])
    names = tuple(entry["name"] for entry in ordered)
    if not names or len(set(names)) < len(names):
        raise StreamdeqError(f"expected different categories in {entries.path}, got {', '.join(names) or 'none'}")
    return {entry["id"]: index for index, entry in enumerate(ordered)}, names


def _picture(k: int, entry: Any, entries: _Entries) -> _Picture:
    good = isinstance(entry, dict) and isinstance(entry.get("id"), int) and isinstance(entry.get("file_name"), str)
    size = numbers([entry.get("width", float("inf")), entry.get("height", float("inf"))], 2) if good else None
    if size is None or min(size) <= 0:
        raise StreamdeqError(
            f"expected id, file_name, width and height in {entries.where('images', k)}, got {entry}; correct it"
        )
    video, frame = entry.get("video_id"), entry.get("frame_id", 0)
    trained = bool(entry.get("is_vid_train_frame", True))
    return _Picture(entry["id"], entry["file_name"], *size, video, frame, trained)


def _object(k: int, entry: Any, picture: _Picture, numbers_of: dict[int, int], entries: _Entries) -> Labelled:
    if entry.get("category_id") not in numbers_of:
        known = ", ".join(str(number) for number in numbers_of)
        where = entries.where("annotations", k)
        raise StreamdeqError(f"expected a category_id of {known} in {where}, got {entry.get('category_id')}")
    box = numbers(entry.get("bbox"), 4)
    if box is None:
        where = entries.where("annotations", k)
        raise StreamdeqError(f"expected bbox with left, top, width, height in {where}, got {entry.get('bbox')}")
    left, top, width, height = box
    corners = (left, top, left + width, top + height)
    try:
        inside = box_in_frame(corners, picture.width, picture.height, "")
    except StreamdeqError:  # where it stands is only looked for when it is asked for: the file may be large
        inside = box_in_frame(corners, picture.width, picture.height, entries.where("annotations", k))
    ignore = bool(entry.get("iscrowd") or entry.get("ignore"))
    instance = entry.get("instance_id", entry.get("track_id", UNKNOWN))
    return Labelled(inside, numbers_of[entry["category_id"]], ignore, instance)


# -- clips -------------------------------------------------------------------------------------------------


def _clips(read: _File, root: Path) -> tuple[BoxClip, ...]:
    films: dict[int, list[_Picture]] = defaultdict(list)
    clips = []
    for one in read.pictures:
        if one.video is None:
            clips.append(BoxClip(one.file, STILL_FPS, (root / one.file,), {0: read.boxes[one.id]}))
        else:
            films[one.video].append(one)
    for number, pictures in films.items():
        about = read.videos.get(number, {})
        clips += _film(str(about.get("name", number)), float(about.get("fps", FPS)), pictures, read, root)
    if not clips:
        raise StreamdeqError(f"expected images in {read.path}, got none; {SOURCE}")
    return tuple(clips)


def _film(name: str, fps: float, pictures: list[_Picture], read: _File, root: Path) -> list[BoxClip]:
    """One clip, or as many as the film has gaps."""
    ordered = sorted(pictures, key=lambda one: one.frame)
    steps = [b.frame - a.frame for a, b in pairwise(ordered)]
    if 0 in steps:
        double = ordered[steps.index(0)]
        raise StreamdeqError(
            f"expected each frame_id once per video in {read.path}, got {double.frame} twice in {name}"
        )
    step = min(steps, default=1)
    parts = [[ordered[0]]]
    for one, rise in zip(ordered[1:], steps, strict=True):
        if rise > step:
            parts.append([])
        parts[-1].append(one)
    clips = []
    for part in parts:
        boxes = with_motion({t: read.boxes[one.id] for t, one in enumerate(part)})
        kept = {t: found for t, found in boxes.items() if part[t].trained}
        suffix = f"@{part[0].frame}" if len(parts) > 1 else ""
        clips.append(BoxClip(name + suffix, fps / step, tuple(root / one.file for one in part), kept))
    return clips


def _narrowed(clips: tuple[BoxClip, ...], names: list[str], read: _File) -> tuple[BoxClip, ...]:
    """The clips of these films."""
    known = [str(video.get("name", number)) for number, video in read.videos.items()]
    for name in names:
        if name not in known:
            raise StreamdeqError(unknown(f"film of {read.path}", name, known))
    return tuple(clip for clip in clips if clip.name.partition("@")[0] in names)


LAYOUT = Layout("COCO boxes", is_coco, open_coco, EXPECTED, splits, SOURCE)
