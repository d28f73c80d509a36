"""Masks in COCO's JSON (polygons, or run lengths as a list or compressed), as one label map per picture.

Files, pictures and clips are those of `coco_json`, as for boxes; what is painted above what, and what pixels without an
object are, says `shapes`: the smaller object lies on the larger, crowds and `ignore` are ignored where no object is.
Classes are the categories by their ids. Objects without a mask are left out, which is told.
"""

from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.coco_files import BOX_FILES, SPLITS, find, has_masks
from streamdeq.data.coco_json import Annotation, Category, Coco, CocoFile, Id, Picture, ordered
from streamdeq.data.documents import Schema
from streamdeq.data.frames import PictureFiles
from streamdeq.data.pictures import size_of
from streamdeq.data.problems import Problems
from streamdeq.data.reader import READERS, Reader, own_dataset
from streamdeq.data.shapes import Shape, Sheet, outline, painted, semantic
from streamdeq.data.targets import DrawnMaps
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown
from streamdeq.values import MAX_PIXELS


class _Rle(Schema):
    expected = "size and counts of a mask"
    size: Annotated[tuple[int, int], Meta(description="height and width as size of a mask")]
    counts: Annotated[str | list[int], Meta(description="run lengths as counts")]


_MASK = "polygons [[x, y, x, y, …]] or run lengths {size, counts} as segmentation"


class _Area(Annotation, kw_only=True):
    segmentation: Annotated[list[list[float]] | _Rle | UnsetType | None, Meta(description=_MASK)] = UNSET


class _Whole(Coco, kw_only=True):
    annotations: Annotated[list[_Area], Meta(description="COCO's JSON with a list of annotations")]
    categories: Annotated[list[Category], Meta(description="COCO's JSON with a list of categories")]


@READERS.register("coco-masks")
class CocoMasks(Reader):
    title = "COCO masks"
    expected = "train.json and val.json in COCO's form with segmentation, or annotations/instances_train.json, …"
    source = (
        "COCO: https://cocodataset.org (annotations/ and the pictures' folders); your own: export COCO JSON with masks "
        "from your labelling tool as train.json and val.json"
    )
    task = "segmentation"
    suffixes = (".json",)

    def recognises(self, folder: Path) -> bool:
        found = (find(folder, split, BOX_FILES, points=None) for split in SPLITS)
        return any(path is not None and has_masks(path) for path in found)

    def splits(self, folder: Path) -> tuple[str, ...]:
        found = {split: find(folder, split, BOX_FILES, points=None) for split in SPLITS}
        return tuple(split for split, path in found.items() if path)

    def open(self, folder: Path, split: str) -> Dataset:
        path = find(folder, split, BOX_FILES, points=None)
        if path is None:
            raise StreamdeqError(unknown("split", split, list(self.splits(folder))))
        read = CocoFile.read(path, _Whole)
        root = read.root_in(folder, split, self.allow_outside)
        names = {one.id: one.name for one in ordered(read)}
        if not names or len(set(names.values())) < len(names):
            raise StreamdeqError(f"expected different categories in {path}, got {', '.join(names.values()) or 'none'}")
        classes, uncovered = semantic(names.values())
        shapes, bare = _shapes(read, names, root)
        if bare == len(read.annotations):
            raise StreamdeqError(f"expected {_MASK} of some annotation of {path}, got none; are boxes all it has?")
        clips = tuple(_clips(read, shapes, root, classes, uncovered))
        notes = (f"{bare} of {len(read.annotations)} annotations of {path} have no mask and are left out",) * bool(bare)
        return own_dataset(folder, self.task, split, classes, clips, read.licence, notes)


def _clips(
    read: CocoFile, shapes: dict[Id, list[Shape]], root: Path, classes: tuple[str, ...], uncovered: int
) -> Iterator[Clip]:
    for shot in read.shots():
        frames = PictureFiles(tuple(root / one.file_name for one in shot.pictures))
        sheets = {t: Sheet(tuple(shapes[one.id]), _size_hw(one, root)) for t, one in enumerate(shot.pictures)}
        yield Clip(shot.name, shot.fps, frames, DrawnMaps(sheets, frames, painted(classes, uncovered), read.json.path))


def _size_hw(picture: Picture, root: Path) -> tuple[float, float]:
    """As the file says it, else as the picture itself does."""
    return (
        (picture.height, picture.width) if picture.height < inf > picture.width else size_of(root / picture.file_name)
    )


def _shapes(read: CocoFile, names: dict[Id, str], root: Path) -> tuple[dict[Id, list[Shape]], int]:
    """What was drawn on every picture, by its id, and how many annotations have no mask."""
    found: dict[Id, list[Shape]] = {number: [] for number in read.pictures}
    problems, bare = Problems(), 0
    for k, entry in enumerate(read.annotations):
        with problems.collect():
            picture, label = read.picture_of(k), names[read.category_of(k, names)]
            if entry.segmentation in (None, UNSET, []):
                bare += 1
            else:
                found[picture.id].append(_shape(k, entry, label, _size_hw(picture, root), read))
    problems.tell()
    return found, bare


def _shape(k: int, entry: _Area, label: str, size_hw: tuple[float, float], read: CocoFile) -> Shape:
    ignore = bool(entry.iscrowd or entry.ignore)
    where = f"{read.json.path}, annotations number {k + 1}"
    if isinstance(entry.segmentation, _Rle):
        size = entry.segmentation.size
        if size != size_hw or size[0] * size[1] > MAX_PIXELS:
            raise StreamdeqError(
                f"expected a mask of {size_hw[0]:g} rows and {size_hw[1]:g} columns, as its picture, in "
                f"{read.where(k)}, got {size[0]} and {size[1]}; correct it"
            )
        rle = {"size": list(size), "counts": entry.segmentation.counts}
        return Shape(label, where, rle=rle, ignore=ignore).by_area()
    parts = entry.segmentation or []
    try:
        outlines = tuple(outline(part, size_hw, where) for part in parts)
    except StreamdeqError:  # where it stands is only looked for when it is asked for: the file may be large
        outlines = tuple(outline(part, size_hw, read.where(k)) for part in parts)
    return Shape(label, where, outlines=outlines, ignore=ignore).by_area()
