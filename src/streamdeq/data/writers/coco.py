"""COCO's JSON: boxes, masks or key points, with films as `video_id` and `frame_id`.

Boxes and points are rounded to a thousandth of a pixel. Masks are the polygons that were drawn, where painting them in
COCO's order (the smaller above) gives the label map that there was; else run lengths, one for each class of a picture.
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from streamdeq.data.base import IGNORE_INDEX, Clip, Dataset
from streamdeq.data.poses import PoseDataset
from streamdeq.data.shapes import GROUND, IGNORED, Rle, Sheet, map_on, rle_of
from streamdeq.data.targets import DrawnMaps
from streamdeq.data.writer import WRITERS, Writer, size_of_frame
from streamdeq.values import UNKNOWN
from streamdeq.values.boxes import Boxes
from streamdeq.values.keypoints import Keypoints

DIGITS = 3
_FILES = {"detection": "instances", "segmentation": "instances", "pose": "keypoints"}
#: What key points belong to, where no class says it.
ONE = "instance"


@WRITERS.register("coco")
class CocoWriter(Writer):
    tasks = ("detection", "segmentation", "pose")
    instead = "a class per picture or depth has no place in COCO's JSON"

    def add(self, dataset: Dataset, split: str) -> Iterator[None]:
        names = [ONE] if dataset.task == "pose" else list(dataset.classes)
        ground = next((k for k, name in enumerate(names) if name in GROUND), None)
        if dataset.task == "segmentation":
            names.append(IGNORED[0])
        categories: list[dict[str, Any]] = [{"id": k, "name": name} for k, name in enumerate(names, start=1)]
        if isinstance(dataset, PoseDataset):
            links = [[a + 1, b + 1] for a, b in dataset.skeleton]
            categories[0] |= {"keypoints": list(dataset.classes), "skeleton": links}
        images, entries, videos = list[dict[str, Any]](), list[dict[str, Any]](), list[dict[str, Any]]()
        for clip in dataset.clips:
            film = len(clip.labelled) > 1
            if film:
                videos.append({"id": len(videos) + 1, "name": clip.name, "fps": clip.fps})
            self.told.lost["frames without labels"] += len(clip) - len(clip.labelled)
            for t in clip.labelled:
                height, width = size_of_frame(clip, t)
                about = {"video_id": len(videos), "frame_id": t} if film else {}
                file = self.picture(clip, t, f"images/{split}", not film)
                images.append({"id": len(images) + 1, "file_name": file, "width": width, "height": height, **about})
                for entry in self._entries(clip, t, dataset, ground):
                    entries.append({"id": len(entries) + 1, "image_id": len(images), **entry})
                yield
        if (
            dataset.task == "segmentation"
            and ground is not None
            and all(e["category_id"] < len(names) for e in entries)
        ):
            categories.pop()  # there is nothing to be ignored
        if dataset.task == "segmentation":
            for category, colour in zip(categories, dataset.palette, strict=False):
                category["color"] = list(colour)
        whole = {"videos": videos, "images": images, "annotations": entries, "categories": categories}
        about = {"info": {"description": dataset.name}, "licenses": [{"id": 1, "name": dataset.licence}]}
        path = self.root / "annotations" / f"{_FILES[dataset.task]}_{split}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps(about | {key: value for key, value in whole.items() if key != "videos" or value}), "utf-8"
        )

    def _entries(self, clip: Clip, t: int, dataset: Dataset, ground: int | None) -> Iterator[dict[str, Any]]:
        target = clip.target(t)
        if isinstance(target, Boxes):
            found = _boxes(target)
        elif isinstance(target, Keypoints):
            found = _points(target)
        else:
            found = self._masks(clip, t, target, dataset, ground)
        for entry in found:
            self.told.written["annotations"] += 1
            yield entry

    def _masks(
        self, clip: Clip, t: int, target: np.ndarray, dataset: Dataset, ground: int | None
    ) -> Iterator[dict[str, Any]]:
        if isinstance(clip.targets, DrawnMaps) and (drawn := clip.targets.sheet(t)) is not None:
            ordered = Sheet(tuple(one.by_area() for one in drawn.shapes), drawn.size_hw)
            uncovered = IGNORE_INDEX if ground is None else ground
            if np.array_equal(map_on(ordered, dataset.classes, uncovered, target.shape), target):
                yield from _drawn(ordered, dataset.classes, target.shape)
                return
            self.told.lost["pictures whose objects overlap otherwise than in COCO: one mask a class"] += 1
        for value in np.unique(target).tolist():
            if value == ground or (value == IGNORE_INDEX and ground is None):
                continue  # uncovered pixels are that
            category = len(dataset.classes) + 1 if value == IGNORE_INDEX else value + 1
            yield {"category_id": category, "iscrowd": 0, **_mask(rle_of(target == value))}


def _drawn(sheet: Sheet, classes: tuple[str, ...], size_hw: tuple[int, int]) -> Iterator[dict[str, Any]]:
    """Every shape, as it was drawn where that was an outline."""
    for one in sheet.shapes:
        if one.covers:
            category = classes.index(one.label) + 1 if one.label in classes else len(classes) + 1
            mask = _mask(rle_of(one.pixels(size_hw)))
            if one.outlines:
                mask["segmentation"] = [part.ravel().round(DIGITS).tolist() for part in one.outlines]
            yield {"category_id": category, "iscrowd": int(one.ignore), **mask}


def _mask(rle: Rle) -> dict[str, Any]:
    from faster_coco_eval.core import mask

    box, area = mask.toBbox([rle])[0], int(mask.area([rle])[0])
    counts = rle["counts"].decode("ascii") if isinstance(rle["counts"], bytes) else rle["counts"]
    plain = [float(side) for side in box]
    return {"bbox": plain, "area": area, "segmentation": {"size": list(rle["size"]), "counts": counts}}


def _sides(xyxy: np.ndarray) -> tuple[list[float], float]:
    """Left, top, width, height, and the area."""
    left, top, right, bottom = (float(side) for side in xyxy)
    sides = [round(side, DIGITS) for side in (left, top, right - left, bottom - top)]
    return sides, round(sides[2] * sides[3], DIGITS)


def _boxes(target: Boxes) -> Iterator[dict[str, Any]]:
    for k in range(len(target)):
        sides, area = _sides(target.xyxy[k])
        same = {} if target.instances[k] == UNKNOWN else {"instance_id": int(target.instances[k])}
        about = {"category_id": int(target.labels[k]) + 1, "iscrowd": int(target.ignore[k]), "segmentation": []}
        yield about | {"bbox": sides, "area": area} | same


def _points(target: Keypoints) -> Iterator[dict[str, Any]]:
    for k in range(len(target)):
        sides, area = _sides(target.boxes_xyxy[k])
        known = float(target.area_px[k])
        triples = [
            [round(float(x), DIGITS), round(float(y), DIGITS), 2] if shown else [0, 0, 0]
            for (x, y), shown in zip(target.xy[k], target.visible[k], strict=True)
        ]
        same = {} if target.instances[k] == UNKNOWN else {"instance_id": int(target.instances[k])}
        about = {"category_id": 1, "iscrowd": 0, "num_keypoints": int(target.visible[k].sum())}
        flat = [value for triple in triples for value in triple]
        yield about | {"keypoints": flat, "bbox": sides, "area": round(known, DIGITS) if known > 0 else area} | same
