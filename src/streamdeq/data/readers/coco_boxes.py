"""Boxes in COCO's JSON, of pictures or of films (COCO-VID).

Files, per split (train, val or valid, test), the first that exists: `SPLIT.json`, `annotations/SPLIT.json`,
`annotations/instances_SPLIT.json`, the same with `SPLIT2017`, `SPLIT/_annotations.coco.json`, else what `coco_files`
finds by its content. Where pictures lie and what a clip is: there, too. Every image is labelled: one without
annotations shows that nothing is there. `iscrowd` or `ignore` objects count neither way; `instance_id` (or
`track_id`) says which object it is. In `train`, `is_vid_train_frame` says which frames are labelled (converters of
ImageNet-VID write it, false throughout, into other splits too). The names of ImageNet-VID's classes may have `_` for
the space.

A split may be narrowed to some of its films: `val:NAME` or `val:NAME,NAME`.
"""

from pathlib import Path
from typing import Annotated

from msgspec import Meta

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.boxes import LabelledBox, collect, with_motion
from streamdeq.data.class_names import IMAGENET_VID
from streamdeq.data.coco_files import BOX_FILES, SPLITS, find, has_masks
from streamdeq.data.coco_json import Annotation, Category, Coco, CocoFile, Id, name_of, ordered
from streamdeq.data.problems import Problems
from streamdeq.data.reader import READERS, Reader, own_dataset
from streamdeq.data.shapes import IGNORED
from streamdeq.data.targets import Held
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown
from streamdeq.values.boxes import Boxes


class _Box(Annotation, kw_only=True):
    expected = "the id of an image and a bbox"
    bbox: Annotated[tuple[float, float, float, float], Meta(description="bbox with left, top, width, height")]


class _Whole(Coco, kw_only=True):
    annotations: Annotated[list[_Box], Meta(description="COCO's JSON with a list of annotations")]
    categories: Annotated[list[Category], Meta(description="COCO's JSON with a list of categories")]


@READERS.register("coco-boxes")
class CocoBoxes(Reader):
    title = "COCO boxes"
    expected = "train.json and val.json in COCO's form, or annotations/instances_train.json, …"
    source = (
        "COCO: https://cocodataset.org (annotations/ and the pictures' folders); your own: export COCO JSON from your "
        "labelling tool as train.json and val.json; films: give images a video_id and a frame_id, and list videos "
        "with fps"
    )
    task = "detection"
    suffixes = (".json",)

    def splits(self, folder: Path) -> tuple[str, ...]:
        return tuple(split for split in SPLITS if find(folder, split, BOX_FILES, points=False))

    def others(self, folder: Path) -> tuple[str, ...]:
        found = (find(folder, split, BOX_FILES, points=None) for split in SPLITS)
        return ("segmentation",) if any(path and has_masks(path) for path in found) else ()

    def open(self, folder: Path, split: str) -> Dataset:
        name, _, films = split.partition(":")
        path = find(folder, name, BOX_FILES, points=False)
        if path is None:
            raise StreamdeqError(unknown("split", name, list(self.splits(folder))))
        read = CocoFile.read(path, _Whole)
        classes = _classes(read)
        clips = _clips(read, read.root_in(folder, name, self.allow_outside), every=name != "train")
        if films:
            clips = _narrowed(clips, films.split(","), read)
        return own_dataset(folder, "detection", split, classes, clips, read.licence)


def _classes(read: CocoFile) -> tuple[str, ...]:
    names = tuple(one.name for one in ordered(read) if one.name not in IGNORED)
    if not names or len(set(names)) < len(names):
        raise StreamdeqError(f"expected different categories in {read.json.path}, got {', '.join(names) or 'none'}")
    spaced = tuple(name.replace("_", " ") for name in names)
    return spaced if sorted(spaced) == sorted(IMAGENET_VID.values()) else names  # converters write domestic_cat


def _clips(read: CocoFile, root: Path, every: bool) -> tuple[Clip, ...]:
    """With labels in `every` frame, or in those for training."""
    boxes, clips = _boxes(read), []
    for shot in read.shots():
        shown = {t: boxes[one.id] for t, one in enumerate(shot.pictures)}
        moving = with_motion(shown) if len(shown) > 1 else shown
        kept = {t: found for t, found in moving.items() if every or shot.pictures[t].is_vid_train_frame}
        clips.append(shot.clip(root, Held.of(kept), read.json.path))
    return tuple(clips)


def _boxes(read: CocoFile) -> dict[Id, Boxes]:
    """Of every picture, by its id."""
    counted = [one.id for one in ordered(read) if one.name not in IGNORED]
    index = {one.id: counted.index(one.id) if one.id in counted else None for one in ordered(read)}
    objects: dict[Id, list[LabelledBox]] = {number: [] for number in read.pictures}
    problems = Problems()
    for k, entry in enumerate(read.annotations):
        with problems.collect():
            number, label = read.picture_of(k).id, index[read.category_of(k, index)]
            ignore = bool(entry.iscrowd or entry.ignore or label is None)
            objects[number].append(LabelledBox(read.within(k, entry.bbox), label or 0, ignore, read.instance_of(k)))
    problems.tell()
    return {number: collect(found) for number, found in objects.items()}


def _narrowed(clips: tuple[Clip, ...], names: list[str], read: CocoFile) -> tuple[Clip, ...]:
    """The clips of these films."""
    known = [name_of(video) for video in read.videos.values()]
    for name in names:
        if name not in known:
            raise StreamdeqError(unknown(f"film of {read.json.path}", name, known))
    return tuple(clip for clip in clips if clip.name.partition("@")[0] in names)
