"""Boxes in COCO's JSON, of pictures or of films (COCO-VID). Knows no training.

Files, per split (train, val or valid, test), the first that exists: `SPLIT.json`, `annotations/SPLIT.json`,
`annotations/instances_SPLIT.json`, the same with `SPLIT2017`, `SPLIT/_annotations.coco.json`. Where pictures lie and
what a clip is: `cocofile`. Every image is labelled: one without annotations shows that nothing is there. `iscrowd` or
`ignore` objects count neither way; `instance_id` (or `track_id`) says which object it is. In `train`,
`is_vid_train_frame` says which frames are labelled (converters of ImageNet-VID write it, false throughout, into other
splits too). The names of ImageNet-VID's classes may have `_` for the space.

A split may be narrowed to some of its films: `val:NAME` or `val:NAME,NAME`.
"""

from pathlib import Path
from typing import Any

from streamdeq.data import imagenet_vid
from streamdeq.data.base import Clip, Dataset
from streamdeq.data.boxed import Labelled, collect, numbers
from streamdeq.data.cocofile import SPLITS, CocoFile, find, read_coco, root_of, shots_of
from streamdeq.data.frames import PictureFiles
from streamdeq.data.layout import Layout
from streamdeq.data.licence import licence_of
from streamdeq.data.speed import with_motion
from streamdeq.data.targets import Held
from streamdeq.errors import StreamdeqError
from streamdeq.models.palette import distinct_colours
from streamdeq.registry import unknown
from streamdeq.values.boxes import Boxes

EXPECTED = "train.json and val.json in COCO's form, or annotations/instances_train.json, …"
SOURCE = (
    "COCO: https://cocodataset.org (annotations/ and the pictures' folders); your own: export COCO JSON from your "
    "labelling tool as train.json and val.json; films: give images a video_id and a frame_id, and list videos with fps"
)
_FILES = (
    "{0}.json", "annotations/{0}.json", "annotations/instances_{0}.json", "annotations/instances_{0}2017.json",
    "{0}/_annotations.coco.json",
)  # fmt: skip


def is_coco(folder: Path) -> bool:
    return any(find(folder, split, _FILES) for split in SPLITS)


def splits(folder: Path) -> tuple[str, ...]:
    return tuple(split for split in SPLITS if find(folder, split, _FILES))


def open_coco(folder: Path, split: str) -> Dataset:
    """A split in `folder`, perhaps narrowed to some films. Pictures are read frame by frame.

    Raises:
        StreamdeqError: with file, line and reason for what is broken.
    """
    name, _, films = split.partition(":")
    path = find(folder, name, _FILES) if name in SPLITS else None
    if path is None:
        raise StreamdeqError(unknown("split", name, list(splits(folder))))
    read = read_coco(path)
    numbers_of, classes = _classes(read)
    boxes = _boxes(read, numbers_of)
    clips = _clips(read, boxes, root_of(folder, name, read), every=name != "train")
    if films:
        clips = _narrowed(clips, films.split(","), read)
    palette = distinct_colours(len(classes))
    return Dataset(
        folder.resolve().name, "detection", split, classes, palette, clips, read.licence or licence_of(folder)
    )


def _classes(read: CocoFile) -> tuple[dict[int, int], tuple[str, ...]]:
    """From a category's id to its class, and the classes' names, by rising ids."""
    ordered = sorted(read.categories, key=lambda entry: entry["id"])
    names = tuple(entry["name"] for entry in ordered)
    if not names or len(set(names)) < len(names):
        raise StreamdeqError(f"expected different categories in {read.path}, got {', '.join(names) or 'none'}")
    spaced = tuple(name.replace("_", " ") for name in names)
    if sorted(spaced) == sorted(imagenet_vid.CLASSES):  # converters write domestic_cat
        names = spaced
    return {entry["id"]: index for index, entry in enumerate(ordered)}, names


def _boxes(read: CocoFile, numbers_of: dict[int, int]) -> dict[int, Boxes]:
    """Of every picture, by its id."""
    objects: dict[int, list[Labelled]] = {number: [] for number in read.pictures}
    for k, entry in enumerate(read.annotations):
        picture = read.picture_of(k)
        objects[picture.id].append(_object(k, entry, numbers_of, read))
    return {number: collect(found) for number, found in objects.items()}


def _object(k: int, entry: Any, numbers_of: dict[int, int], read: CocoFile) -> Labelled:
    category = read.category_of(k, numbers_of)
    box = numbers(entry.get("bbox"), 4)
    if box is None:
        where = read.where("annotations", k)
        raise StreamdeqError(f"expected bbox with left, top, width, height in {where}, got {entry.get('bbox')}")
    ignore = bool(entry.get("iscrowd") or entry.get("ignore"))
    return Labelled(read.within(k, box), numbers_of[category], ignore, read.instance_of(k))


def _clips(read: CocoFile, boxes: dict[int, Boxes], root: Path, every: bool) -> tuple[Clip, ...]:
    """With labels in `every` frame, or in those for training."""
    clips = []
    for shot in shots_of(read):
        shown = {t: boxes[one.id] for t, one in enumerate(shot.pictures)}
        moving = with_motion(shown) if len(shown) > 1 else shown
        kept = {t: found for t, found in moving.items() if every or shot.pictures[t].trained}
        frames = PictureFiles(tuple(root / one.file for one in shot.pictures))
        clips.append(Clip(shot.name, shot.fps, frames, Held.of(kept)))
    return tuple(clips)


def _narrowed(clips: tuple[Clip, ...], names: list[str], read: CocoFile) -> tuple[Clip, ...]:
    """The clips of these films."""
    known = [str(video.get("name", number)) for number, video in read.videos.items()]
    for name in names:
        if name not in known:
            raise StreamdeqError(unknown(f"film of {read.path}", name, known))
    return tuple(clip for clip in clips if clip.name.partition("@")[0] in names)


LAYOUT = Layout("COCO boxes", is_coco, open_coco, EXPECTED, splits, SOURCE, task="detection")
