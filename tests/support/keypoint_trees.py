"""Small data sets of key points, in the layouts of those they stand for."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import savemat

from support.box_trees import picture

SIZE_HW = (48, 64)


# -- MPII --------------------------------------------------------------------------------------------------


def mpii_person(image: str, left: float = 10, top: float = 8, **other: Any) -> dict[str, Any]:
    """Points on a diagonal from (left, top), counted from 1 as in the file, 2 pixels apart; the last is not there."""
    joints = [[left + 2 * k, top + 2 * k] for k in range(15)] + [[-1, -1]]
    return {
        "image": image,
        "joints": joints,
        "joints_vis": [1] * 15 + [0],
        "center": [left + 15, top + 12],
        "scale": 0.2,
        **other,
    }


def write_mpii(root: Path, people: list[dict[str, Any]], file: str = "annot/valid.json") -> Path:
    for number, image in enumerate(sorted({one["image"] for one in people if one["image"]})):
        picture(root / "images" / image, number, SIZE_HW)
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(json.dumps(people))
    return root


def write_mpii_truth(
    root: Path, people: list[dict[str, Any]], heads: list[list[float]], file: str = "annot/gt_valid.mat"
) -> Path:
    """What the evaluation scores against; `heads` are boxes left, top, right, bottom."""
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    truth = {
        "pos_gt_src": np.array([one["joints"] for one in people], float).transpose(1, 2, 0),
        "jnt_missing": 1 - np.array([one["joints_vis"] for one in people]).T,
        "headboxes_src": np.array(heads, float).reshape(-1, 2, 2).transpose(1, 2, 0),
    }
    savemat(root / file, truth)
    return root


def write_mpii_film(root: Path, stem: str, frames: list[int], size_hw: tuple[int, int] = SIZE_HW) -> None:
    for number in frames:
        picture(root / f"sequences/batch1/{stem}/{number:08d}.jpg", number, size_hw)


def write_mpii_keyframes(root: Path, names: list[str]) -> None:
    """As MATLAB writes an array of structures `annolist_keyframes(i).image.name`."""
    listed = np.zeros((1, len(names)), dtype=[("image", "O")])
    for k, name in enumerate(names):
        image = np.zeros((1, 1), dtype=[("name", "O")])
        image["name"][0, 0] = name
        listed["image"][0, k] = image
    savemat(root / "sequences/mpii_human_pose_v1_sequences_keyframes.mat", {"annolist_keyframes": listed})


# -- COCO --------------------------------------------------------------------------------------------------


def coco_people() -> dict[str, Any]:
    """A picture of two people and a crowd, one of a person without key points, and one of nobody."""
    names = ["nose", "left_eye", "right_eye"]
    person = {"id": 1, "name": "person", "keypoints": names, "skeleton": [[1, 2], [3, 1]]}
    images = [{"id": k, "file_name": f"{k:012d}.jpg", "width": 64, "height": 48} for k in (7, 8, 9)]
    annotations = [
        {"id": 1, "image_id": 7, "keypoints": [20, 10, 2, 24, 8, 1, 0, 0, 0], "bbox": [10, 4, 20, 40], "area": 500.5},
        {"id": 2, "image_id": 7, "keypoints": [50, 12, 2, 0, 0, 0, 48, 10, 2], "bbox": [40, 6, 16, 30], "area": 300},
        {"id": 3, "image_id": 7, "keypoints": [0] * 9, "bbox": [0, 0, 60, 40], "area": 900, "iscrowd": 1},
        {"id": 4, "image_id": 8, "keypoints": [0] * 9, "bbox": [3, 4, 5, 6], "area": 20, "num_keypoints": 0},
    ]
    annotations = [{"iscrowd": 0, "category_id": 1, **one} for one in annotations]
    return {"images": images, "annotations": annotations, "categories": [person], "licenses": [{"name": "CC BY"}]}


def write_coco_people(root: Path, whole: dict[str, Any] | None = None, split: str = "val") -> Path:
    whole = coco_people() if whole is None else whole
    for number, image in enumerate(whole["images"]):
        picture(root / f"{split}2017" / image["file_name"], number, SIZE_HW)
    path = root / f"annotations/person_keypoints_{split}2017.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(whole, indent=1))
    return root


# -- DeepLabCut --------------------------------------------------------------------------------------------

DLC_CONFIG = """# Project definitions (do not edit)
Task: mice
scorer: ann
date: Aug14
multianimalproject: {several}
identity:

# Project path (change when moving around)
project_path: /home/ann/mice-ann
video_sets:
  ? /home/ann/videos/a very long name of a film.mp4
  : crop: 0, 64, 0, 48
{points}
skeleton:
- - snout
  - leftear
- - snout
  - rightear
- - objectA
  - leftear
skeleton_color: black
TrainingFraction:
- 0.95
"""
ONE_ANIMAL = "bodyparts:\n- snout\n- leftear\n- rightear"
TWO_ANIMALS = """individuals:
- m1
- m2
uniquebodyparts:
- corner
multianimalbodyparts:
- snout
- leftear
- rightear
bodyparts: MULTI!"""
ONE_HEADER = "scorer,,,ann,ann,ann,ann,ann,ann\nbodyparts,,,snout,snout,leftear,leftear,rightear,rightear\n" + (
    "coords,,,x,y,x,y,x,y\n"
)
TWO_HEADER = (
    "scorer,ann,ann,ann,ann,ann,ann,ann,ann\nindividuals,m2,m2,m2,m2,m1,m1,single,single\n"
    "bodyparts,snout,snout,leftear,leftear,snout,snout,corner,corner\ncoords,x,y,x,y,x,y,x,y\n"
)


def write_dlc(root: Path, tables: dict[str, str], config: str | None = None) -> Path:
    """`tables`: of each film, the text of its table; a picture lies beside it for every row."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "config.yaml").write_text(config or DLC_CONFIG.format(several="false", points=ONE_ANIMAL))
    for film, table in tables.items():
        place = root / "labeled-data" / film
        place.mkdir(parents=True)
        (place / "CollectedData_ann.csv").write_text(table)
        for number, line in enumerate(table.splitlines()):
            cells = re.split(r"[,/\\]", line)
            name = next((cell for cell in cells if cell.endswith(".png")), None)
            if name:
                picture(place / name, number, SIZE_HW)
    return root
