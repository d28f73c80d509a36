"""Small data sets with boxes, in the layouts of those they stand for."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZE_HW = (24, 32)


def picture(path: Path, seed: int = 0, size_hw: tuple[int, int] = SIZE_HW) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (*size_hw, 3), np.uint8)).save(path)


def coco_video(frames: tuple[int, ...] = (0, 1, 2), fps: float = 25.0) -> dict[str, Any]:
    """A film of a walker who moves 2 pixels a frame, a crowd in frame 1, and a flat box in frame 2."""
    images, annotations = [], []
    for k, frame in enumerate(frames, start=1):
        about = {"video_id": 7, "frame_id": frame, "width": SIZE_HW[1], "height": SIZE_HW[0]}
        images.append({"id": k, "file_name": f"images/walk/{frame:04d}.png", **about})
        walker = {"bbox": [2.0 * frame, 4, 8, 16], "category_id": 3, "instance_id": 70, "iscrowd": 0}
        annotations.append({"id": k, "image_id": k, **walker})
    annotations.append({"id": 90, "image_id": 2, "bbox": [20, 4, 12, 8], "category_id": 5, "iscrowd": 1})
    annotations.append({"id": 91, "image_id": 3, "bbox": [5, 5, 0, 8], "category_id": 5, "instance_id": 71})
    return {
        "videos": [{"id": 7, "name": "walk", "fps": fps}],
        "categories": [{"id": 5, "name": "car"}, {"id": 3, "name": "person"}],
        "images": images,
        "annotations": annotations,
    }


def write_coco_video(root: Path, whole: dict[str, Any] | None = None, split: str = "train") -> Path:
    whole = coco_video() if whole is None else whole
    for k, image in enumerate(whole["images"]):
        picture(root / image["file_name"], k)
    (root / f"{split}.json").write_text(json.dumps(whole, indent=1))
    return root


DOG, CAR, SOFA = "n02084071", "n02958343", "n04256520"


def write_xml(path: Path, *objects: tuple[str, int, tuple[float, float, float, float]]) -> None:
    found = "".join(
        f"\n<object><trackid>{track}</trackid><name>{name}</name><bndbox><xmax>{box[2]}</xmax><xmin>{box[0]}</xmin>"
        f"<ymax>{box[3]}</ymax><ymin>{box[1]}</ymin></bndbox><occluded>0</occluded><generated>0</generated></object>"
        for name, track, box in objects
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f"<annotation>\n<folder>x</folder><size><width>32</width><height>24</height></size>{found}\n</annotation>"
    )


def write_vid(root: Path) -> Path:
    """One snippet of 31 frames to train on, one of 4 to validate, and two DET pictures."""
    for part, snippet, count in (
        ("train/ILSVRC2015_VID_train_0000", "ILSVRC2015_train_00000000", 31),
        ("val", "ILSVRC2015_val_00000000", 4),
        ("test", "ILSVRC2015_test_00000000", 2),
    ):
        for t in range(count):
            picture(root / f"Data/VID/{part}/{snippet}/{t:06d}.JPEG", t)
            if part != "test":
                objects = [(DOG, 0, (t % 8, 4.0, t % 8 + 8.0, 20.0))] if t != 2 else []
                write_xml(root / f"Annotations/VID/{part}/{snippet}/{t:06d}.xml", *objects)
    for name, kind in (("n02084071_1", DOG), ("n04256520_1", SOFA)):
        picture(root / f"Data/DET/train/ILSVRC2013_train/{kind}/{name}.JPEG")
        write_xml(root / f"Annotations/DET/train/ILSVRC2013_train/{kind}/{name}.xml", (kind, 0, (1, 1, 9, 9)))
    return root
