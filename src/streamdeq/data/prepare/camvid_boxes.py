"""Boxes around the connected parts of CamVid's masks, in COCO's form for films; the pictures stay in CamVid's folder.

A box is the tight one of an 8-connected part of at least 100 pixels. Instances that touch are one, one that a pole
cuts is two, and only what is visible counts. A film ends wherever a frame is missing.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from streamdeq.data.prepare.writing import write_json
from streamdeq.errors import StreamdeqError
from streamdeq.reading import read_text

#: CamVid's index, name; the id is the place in this list, from 1.
CLASSES = ((8, "car"), (9, "pedestrian"), (10, "bicyclist"))
_LEAST_AREA = 100
#: Numbers of a film's frames rise by so many, at 30 Hz; one more or less is no gap.
_STEP = {"train": 30, "val": 2, "test": 30}


def prepare(sources: Sequence[Path], out: Path, final: Path) -> None:
    (camvid,) = sources
    beside = os.path.relpath(camvid.resolve(), final.resolve())
    for split in _STEP:
        write_json(boxes_of(camvid, split, beside), out / f"{split}.json")


def boxes_of(camvid: Path, split: str, beside: str) -> dict[str, Any]:
    """COCO's JSON of a split of the prepared `camvid`, which lies `beside` the file."""
    videos: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    objects: list[dict[str, Any]] = []
    last, step, first = ("", -1), _STEP[split], 0
    for line in read_text(camvid / f"{split}.txt").splitlines():
        image, label = line.split()
        with Image.open(camvid / label) as picture:
            mask = np.asarray(picture)
        drive, _, number = Path(image).stem.partition("_")
        place = (drive, int(number.removeprefix("f")))
        size = {"width": mask.shape[1], "height": mask.shape[0]}
        if place[0] != last[0] or place[1] - last[1] > step + 1:
            first = len(images)
            name = f"{drive}_{place[1]:06}"
            videos.append({"id": len(videos) + 1, "name": name, "fps": 30 / step, **size})
        last = place
        images.append({
            "id": len(images) + 1, "video_id": len(videos), "frame_id": len(images) - first,
            "source_frame": place[1], "file_name": f"{beside}/{image}", **size,
        })  # fmt: skip
        for category, box, area in _parts(mask):
            objects.append({
                "id": len(objects) + 1, "image_id": len(images), "video_id": len(videos), "category_id": category,
                "bbox": box, "area": area, "iscrowd": 0,
            })  # fmt: skip
    categories = [{"id": number, "name": name} for number, (_, name) in enumerate(CLASSES, 1)]
    return {"videos": videos, "categories": categories, "images": images, "annotations": objects}


def _parts(mask: np.ndarray) -> Iterator[tuple[int, list[int], int]]:
    """Category, left, top, width and height, area."""
    try:
        from scipy import ndimage
    except ImportError as error:
        raise StreamdeqError(
            "camvid-boxes is made with scipy, which is not installed: pip install 'streamdeq[pose]'"
        ) from error
    for category, (index, _) in enumerate(CLASSES, 1):
        labelled: Any = ndimage.label(mask == index, structure=np.ones((3, 3)))
        parts = labelled[0]
        areas = np.bincount(parts.ravel())
        found = [
            (
                *_first_block(parts[rows, columns] == number, rows.start, columns.start),
                rows,
                columns,
                int(areas[number]),
            )
            for number, (rows, columns) in enumerate(ndimage.find_objects(parts), 1)
            if areas[number] >= _LEAST_AREA
        ]
        for _, _, rows, columns, area in sorted(found, key=lambda one: one[:2]):
            yield category, [columns.start, rows.start, columns.stop - columns.start, rows.stop - rows.start], area


def _first_block(part: np.ndarray, top: int, left: int) -> tuple[int, int]:
    """Where a part begins, in blocks of 2x2 pixels, row by row: the order of OpenCV's connected components."""
    rows, columns = part.nonzero()
    return min(zip(((rows + top) // 2).tolist(), ((columns + left) // 2).tolist(), strict=True))
