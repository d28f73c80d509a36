"""A small data set of every format that has its labels in text, and the files whose text it is."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from support.box_trees import coco_video, picture, write_coco_video, write_vid
from support.camvid_trees import write_listed_tree
from support.dataset_trees import write_clips, write_own
from support.export_trees import coco_masks, cvat_images, label_studio, labelme, yolo_polygons
from support.keypoint_trees import mpii_person, write_coco_people, write_dlc, write_mpii
from support.pose_trees import square_table

TABLE = "scorer,,,ann,ann,ann,ann\nbodyparts,,,snout,snout,leftear,leftear\ncoords,,,x,y,x,y\n" + (
    "labeled-data,film,img1.png,3,4,5,6\nlabeled-data,film,img2.png,3,4,,\n"
)


def own_films(root: Path) -> Path:
    write_own(root, ["a", "b", "c"])
    (root / "classes.txt").unlink()
    entries = [{"name": "road", "color": [128, 64, 128]}, "car", {"name": "sky", "value": 2}]
    (root / "classes.json").write_text(json.dumps(entries))
    (root / "train.txt").write_text("a\nb\n")
    (root / "val.txt").write_text("c.jpg\n")
    write_clips(root, {"name": "drive", "fps": 25, "frames": ["a", "b"], "labelled": [1]})
    return root


def own_stills(root: Path) -> Path:
    write_own(root, ["a", "b"])
    (root / "classes.txt").write_text("road 128 64 128\ncar, 0, 0, 142\nsky\n")
    return root


def yolo(root: Path) -> Path:
    for name in "ab":
        picture(root / f"images/train/{name}.png")
    (root / "labels/train").mkdir(parents=True)
    (root / "labels/train/a.txt").write_text("1 0.5 0.5 0.25 0.5\n0 0.1 0.1 0.4 0.1 0.4 0.4\n")
    (root / "data.yaml").write_text(
        "train: listed.txt\nval: images/train\nnames:\n  0: cat\n  1: dog\nkpt_shape: [2, 3]\n"
    )
    (root / "listed.txt").write_text("images/train/a.png\n./images/train/b.png\n")
    return root


@dataclass(frozen=True)
class Labels:
    """How such a data set is written, its files of text, and what it is opened for."""

    write: Callable[[Path], Path]
    files: tuple[str, ...]
    task: str = ""


SETS = {
    "coco boxes": Labels(lambda root: write_coco_video(root, coco_video()), ("train.json",), "detection"),
    "coco points": Labels(write_coco_people, ("annotations/person_keypoints_val2017.json",), "pose"),
    "mpii": Labels(lambda root: write_mpii(root, [mpii_person("a.jpg"), mpii_person("b.jpg")]), ("annot/valid.json",)),
    "own films": Labels(own_films, ("classes.json", "clips.jsonl", "train.txt", "val.txt")),
    "own stills": Labels(own_stills, ("classes.txt",)),
    "camvid": Labels(lambda root: write_listed_tree(root, (8, 8)), ("val.txt", "train.txt")),
    "yolo": Labels(yolo, ("data.yaml", "listed.txt", "labels/train/a.txt"), "detection"),
    "yolo polygons": Labels(yolo_polygons, ("data.yaml", "labels/train/a.txt"), "segmentation"),
    "coco masks": Labels(coco_masks, ("train.json",), "segmentation"),
    "cvat": Labels(cvat_images, ("annotations.xml",)),
    "label studio": Labels(label_studio, ("project-1-at-2026-11-28.json",)),
    "labelme": Labels(labelme, ("a.json",)),
    "deeplabcut": Labels(
        lambda root: write_dlc(root, {"film": TABLE}), ("config.yaml", "labeled-data/film/CollectedData_ann.csv")
    ),
    "pose table": Labels(lambda root: square_table(root, 2), ("labels.csv", "keypoints.json")),
    "imagenet-vid": Labels(write_vid, ("Annotations/VID/val/ILSVRC2015_val_00000000/000001.xml",)),
}
