"""Key points in COCO's JSON. Knows no training.

Files, per split (train, val or valid, test), the first that exists: `annotations/person_keypoints_SPLIT2017.json`,
`annotations/person_keypoints_SPLIT.json`, `annotations/keypoints_SPLIT.json`. Where pictures lie and what a clip is:
`cocofile`. The names and the skeleton are the category's; several categories must have the same.

Of a point's visibility 0 means not labelled, 1 labelled and hidden, 2 labelled and seen: as in COCO's evaluation, 1 and
2 both count. Crowds are no instances. Objects without key points are, with nothing to train on
or score. A box is cut to its picture; where there is none, or one without area, it is that of the visible points.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from streamdeq.data.base import Clip
from streamdeq.data.boxed import numbers
from streamdeq.data.cocofile import SPLITS, CocoFile, Picture, find, read_coco, root_of, shots_of
from streamdeq.data.frames import PictureFiles
from streamdeq.data.layout import Layout
from streamdeq.data.licence import licence_of
from streamdeq.data.pictures import size_of
from streamdeq.data.poses import Pairs, PoseDataset, labelled_poses, sides_of
from streamdeq.errors import StreamdeqError
from streamdeq.models.palette import distinct_colours
from streamdeq.registry import unknown
from streamdeq.values.keypoints import Keypoints, boxes_around

EXPECTED = "annotations/person_keypoints_train2017.json and …_val2017.json, with train2017/ and val2017/"
SOURCE = (
    "COCO: https://cocodataset.org (annotations_trainval2017.zip, train2017.zip, val2017.zip); your own: export COCO "
    "key points from your labelling tool as annotations/keypoints_train.json and annotations/keypoints_val.json"
)
_FILES = (
    "annotations/person_keypoints_{0}2017.json",
    "annotations/person_keypoints_{0}.json",
    "annotations/keypoints_{0}.json",
)


def is_coco_pose(folder: Path) -> bool:
    return bool(splits(folder))


def splits(folder: Path) -> tuple[str, ...]:
    return tuple(split for split in SPLITS if find(folder, split, _FILES))


def open_coco_pose(folder: Path, split: str) -> PoseDataset:
    """A split in `folder`. Pictures are read frame by frame.

    Raises:
        StreamdeqError: with file, line and reason for what is broken.
    """
    path = find(folder, split, _FILES) if split in SPLITS else None
    if path is None:
        raise StreamdeqError(unknown("split", split, list(splits(folder))))
    read = read_coco(path)
    names, skeleton = _points(read)
    root = root_of(folder, split, read)
    poses, clips = _poses(read, len(names), root), []
    for shot in shots_of(read):
        paths = tuple(root / one.file for one in shot.pictures)
        shown = {t: poses[one.id] for t, one in enumerate(shot.pictures) if one.id in poses}
        clips.append(Clip(shot.name, shot.fps, PictureFiles(paths), labelled_poses(shown)))
    colours, licence = distinct_colours(len(names)), read.licence or licence_of(folder)
    name = folder.resolve().name
    return PoseDataset(name, "pose", split, names, colours, tuple(clips), licence, skeleton, sides_of(names))


def _points(read: CocoFile) -> tuple[tuple[str, ...], Pairs]:
    """The points' names and the skeleton, whose numbers begin at 1 in the file."""
    found: dict[tuple[str, ...], Pairs] = {}
    for k, entry in enumerate(read.categories):
        listed, links = entry.get("keypoints"), entry.get("skeleton") or []
        if not listed:
            continue
        good = isinstance(listed, list) and all(isinstance(name, str) for name in listed)
        if not good or len(set(listed)) < len(listed):
            raise StreamdeqError(
                f"expected different names as keypoints in {read.where('categories', k)}, got {str(listed)[:80]}"
            )
        numbered = isinstance(links, list) and all(_is_link(link, len(listed)) for link in links)
        if not numbered:
            where = read.where("categories", k)
            raise StreamdeqError(f"expected pairs of numbers 1..{len(listed)} as skeleton in {where}, got {links}")
        found.setdefault(tuple(listed), tuple((a - 1, b - 1) for a, b in links))
    if len(found) != 1:
        raise StreamdeqError(
            f"expected one list of keypoints in the categories of {read.path}, got {len(found)}; is it another file?"
        )
    return next(iter(found.items()))


def _is_link(link: Any, points: int) -> bool:
    two = isinstance(link, list) and len(link) == 2
    return two and all(isinstance(number, int) and 1 <= number <= points for number in link)


def _poses(read: CocoFile, points: int, root: Path) -> dict[int, Keypoints]:
    """What each picture shows, by its id; a picture of nobody is not among them."""
    has_points = {entry["id"]: bool(entry.get("keypoints")) for entry in read.categories}
    rows: dict[int, list[np.ndarray]] = defaultdict(list)
    instances: dict[int, list[int]] = defaultdict(list)
    for k, entry in enumerate(read.annotations):
        picture, category = read.picture_of(k), read.category_of(k, has_points)
        if has_points[category] and not entry.get("iscrowd"):
            rows[picture.id].append(_row(k, entry, points, read, root))
            instances[picture.id].append(read.instance_of(k))
    return {number: _together(np.stack(found), instances[number], points) for number, found in rows.items()}


def _row(k: int, entry: dict[str, Any], points: int, read: CocoFile, root: Path) -> np.ndarray:
    """x, y, v of each point, the box's left, top, right, bottom, the area."""
    given = entry.get("keypoints") or [0] * (3 * points)
    values = numbers(given, 3 * points)
    if values is None or not np.isfinite(values).all():
        where = read.where("annotations", k)
        raise StreamdeqError(f"expected {points} times x, y, visibility as keypoints in {where}, got {str(given)[:80]}")
    if not {0, 1, 2}.issuperset(values[2::3]):
        wrong = next(value for value in values[2::3] if value not in (0, 1, 2))
        raise StreamdeqError(f"expected a visibility of 0, 1 or 2 in {read.where('annotations', k)}, got {wrong:g}")
    box = _box(k, entry.get("bbox"), read)
    if box is None:
        triples = np.array(values).reshape(1, points, 3)
        [box] = boxes_around(triples[:, :, :2], triples[:, :, 2] > 0, _size_hw(read.picture_of(k), root))
    [area] = numbers([entry.get("area")], 1) or [np.nan]
    return np.array([*values, *box, area if area > 0 else np.nan])


def _box(k: int, given: Any, read: CocoFile) -> tuple[float, float, float, float] | None:
    """Left, top, right, bottom of an annotation's bbox within its picture; None without one, or without area."""
    if given is None or given == []:
        return None
    box = numbers(given, 4)
    if box is None or not np.isfinite(box).all() or min(box[2:]) < 0:
        where = read.where("annotations", k)
        raise StreamdeqError(f"expected bbox with left, top, width, height in {where}, got {given!r}")
    inside = read.within(k, box)
    return inside if inside[2] > inside[0] and inside[3] > inside[1] else None


def _size_hw(picture: Picture, root: Path) -> tuple[int, int]:
    """As the file says it, else as the picture itself does."""
    if np.isfinite((picture.height, picture.width)).all():
        return int(picture.height), int(picture.width)
    return size_of(root / picture.file)


def _together(rows: np.ndarray, instances: list[int], points: int) -> Keypoints:
    """The instances of a picture, (N, 3K + 5)."""
    triples = rows[:, : 3 * points].reshape(-1, points, 3)
    visible = triples[:, :, 2] > 0
    boxes, area = rows[:, 3 * points : -1].astype(np.float32), rows[:, -1].astype(np.float32)
    xy = np.where(visible[:, :, None], triples[:, :, :2], 0).astype(np.float32)
    return Keypoints(xy, visible, boxes, np.array(instances, np.int64), area_px=area)


LAYOUT = Layout("COCO key points", is_coco_pose, open_coco_pose, EXPECTED, splits, SOURCE, task="pose")
