"""Key points in COCO's JSON.

Files, per split (train, val or valid, test), the first that exists: `annotations/person_keypoints_SPLIT2017.json`,
`annotations/person_keypoints_SPLIT.json`, `annotations/keypoints_SPLIT.json`, else what `coco_files` finds by its
content. Where pictures lie and what a clip is: there, too. The names and the skeleton are the category's; several
categories must have the same.

Of a point's visibility 0 means not labelled, 1 labelled and hidden, 2 labelled and seen: as in COCO's evaluation, 1 and
2 both count. Crowds are no instances. Objects without key points are, with nothing to train on
or score. A box is cut to its picture; where there is none, or one without area, it is that of the visible points.
"""

from collections import defaultdict
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from msgspec import Meta

from streamdeq.data.boxes import numbers
from streamdeq.data.coco_files import SPLITS, find
from streamdeq.data.coco_json import Annotation, Category, Coco, CocoFile, Id, Picture
from streamdeq.data.pictures import size_of
from streamdeq.data.poses import Pairs, PoseDataset, labelled_poses, own_poses, sides_of
from streamdeq.data.problems import Problems
from streamdeq.data.reader import READERS, Reader
from streamdeq.errors import StreamdeqError
from streamdeq.values.keypoints import Keypoints, boxes_around

_FILES = (
    "annotations/person_keypoints_{0}2017.json",
    "annotations/person_keypoints_{0}.json",
    "annotations/keypoints_{0}.json",
)
_BBOX = "bbox with left, top, width, height"


class _Instance(Annotation, kw_only=True):
    keypoints: Any = None
    bbox: Annotated[list[float] | None, Meta(description=_BBOX)] = None
    area: Any = None


class _Body(Category, kw_only=True):
    keypoints: Annotated[list[str] | None, Meta(description="different names as keypoints")] = None
    skeleton: Annotated[list[tuple[int, int]] | None, Meta(description="pairs of numbers as skeleton")] = None


class _Whole(Coco, kw_only=True):
    annotations: Annotated[list[_Instance], Meta(description="COCO's JSON with a list of annotations")]
    categories: Annotated[list[_Body], Meta(description="COCO's JSON with a list of categories")]


@READERS.register("coco-pose")
class CocoPose(Reader):
    title = "COCO key points"
    expected = "annotations/person_keypoints_train2017.json and …_val2017.json, with train2017/ and val2017/"
    source = (
        "COCO: https://cocodataset.org (annotations_trainval2017.zip, train2017.zip, val2017.zip); your own: export "
        "COCO key points from your labelling tool as annotations/keypoints_train.json and "
        "annotations/keypoints_val.json"
    )
    task = "pose"
    suffixes = (".json",)

    def splits(self, folder: Path) -> tuple[str, ...]:
        return tuple(split for split in SPLITS if find(folder, split, _FILES, points=True))

    def open(self, folder: Path, split: str) -> PoseDataset:
        self.check_split(folder, split)
        read = CocoFile.read(find(folder, split, _FILES, points=True) or folder, _Whole)
        names, skeleton = _points(read)
        root = read.root_in(folder, split, self.allow_outside)
        poses, clips = _poses(read, len(names), root), []
        for shot in read.shots():
            shown = {t: poses[one.id] for t, one in enumerate(shot.pictures) if one.id in poses}
            clips.append(shot.clip(root, labelled_poses(shown), read.json.path))
        return own_poses(folder, split, names, skeleton, sides_of(names), clips, read.licence)


def _points(read: CocoFile) -> tuple[tuple[str, ...], Pairs]:
    """The points' names and the skeleton, whose numbers begin at 1 in the file."""
    found: dict[tuple[str, ...], Pairs] = {}
    for k, one in enumerate(read.categories):
        names, links = one.keypoints or [], one.skeleton or []
        if not names:
            continue
        if len(set(names)) < len(names):
            where = read.json.where("categories", k)
            raise StreamdeqError(f"expected different names as keypoints in {where}, got {str(names)[:80]}")
        if not set(range(1, len(names) + 1)).issuperset(number for link in links for number in link):
            where = read.json.where("categories", k)
            raise StreamdeqError(f"expected pairs of numbers 1..{len(names)} as skeleton in {where}, got {links}")
        found.setdefault(tuple(names), tuple((a - 1, b - 1) for a, b in links))
    if len(found) != 1:
        raise StreamdeqError(
            f"expected one list of keypoints in the categories of {read.json.path}, got {len(found)}; "
            "is it another file?"
        )
    return next(iter(found.items()))


def _poses(read: CocoFile, points: int, root: Path) -> dict[Id, Keypoints]:
    """What each picture shows, by its id; a picture of nobody is not among them."""
    has_points = {one.id: bool(one.keypoints) for one in read.categories}
    rows: dict[Id, list[np.ndarray]] = defaultdict(list)
    instances: dict[Id, list[int]] = defaultdict(list)
    problems = Problems()
    for k, entry in enumerate(read.annotations):
        with problems.collect():
            picture, category = read.picture_of(k), read.category_of(k, has_points)
            if has_points[category] and not entry.iscrowd:
                rows[picture.id].append(_row(k, entry, points, read, root))
                instances[picture.id].append(read.instance_of(k))
    problems.tell()
    return {number: _together(np.stack(found), instances[number], points) for number, found in rows.items()}


def _row(k: int, entry: _Instance, points: int, read: CocoFile, root: Path) -> np.ndarray:
    """x, y, v of each point, the box's left, top, right, bottom, the area."""
    given = entry.keypoints or [0] * (3 * points)
    values = numbers(given, 3 * points)
    if values is None or not np.isfinite(values).all():
        raise StreamdeqError(
            f"expected {points} times x, y, visibility as keypoints in {read.where(k)}, got {str(given)[:80]}"
        )
    if not {0, 1, 2}.issuperset(values[2::3]):
        wrong = next(value for value in values[2::3] if value not in (0, 1, 2))
        raise StreamdeqError(f"expected a visibility of 0, 1 or 2 in {read.where(k)}, got {wrong:g}")
    box = _box(k, entry.bbox, read)
    if box is None:
        triples = np.array(values).reshape(1, points, 3)
        [box] = boxes_around(triples[:, :, :2], triples[:, :, 2] > 0, _size_hw(read.picture_of(k), root))
    [area] = numbers([entry.area], 1) or [np.nan]
    return np.array([*values, *box, area if area > 0 else np.nan])


def _box(k: int, bbox: list[float] | None, read: CocoFile) -> tuple[float, float, float, float] | None:
    """Left, top, right, bottom of an annotation's bbox within its picture; None without one, or without area."""
    if not bbox:
        return None
    if len(bbox) != 4 or not np.isfinite(bbox).all() or min(bbox[2:]) < 0:
        raise StreamdeqError(f"expected {_BBOX} in {read.where(k)}, got {bbox!r}")
    inside = read.within(k, bbox)
    return inside if inside[2] > inside[0] and inside[3] > inside[1] else None


def _size_hw(picture: Picture, root: Path) -> tuple[int, int]:
    """As the file says it, else as the picture itself does."""
    if np.isfinite((picture.height, picture.width)).all():
        return int(picture.height), int(picture.width)
    return size_of(root / picture.file_name)


def _together(rows: np.ndarray, instances: list[int], points: int) -> Keypoints:
    """The instances of a picture, (N, 3K + 5)."""
    triples = rows[:, : 3 * points].reshape(-1, points, 3)
    visible = triples[:, :, 2] > 0
    boxes, area = rows[:, 3 * points : -1].astype(np.float32), rows[:, -1].astype(np.float32)
    xy = np.where(visible[:, :, None], triples[:, :, :2], 0).astype(np.float32)
    return Keypoints(xy, visible, boxes, np.array(instances, np.int64), area_px=area)
