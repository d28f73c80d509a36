"""What other tools export: content decides what a folder is, names are hints, an explicit task is obeyed or refused."""

import json
from pathlib import Path
from typing import Any

import pytest
from support.box_trees import picture

from streamdeq.data.check import check
from streamdeq.data.labels import open_labelled
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError


def coco(points: bool = False, names: tuple[str, str] = ("1.png", "2.png")) -> dict[str, Any]:
    images = [{"id": k, "file_name": name, "width": 32, "height": 24} for k, name in enumerate(names, start=1)]
    cat = {"id": 1, "name": "cat"} | ({"keypoints": ["nose", "tail"]} if points else {})
    boxes = [{"id": k, "image_id": k, "category_id": 1, "bbox": [4 * k, 6, 8, 10]} for k in (1, 2)]
    if points:
        boxes = [box | {"keypoints": [5, 7, 2, 9, 9, 1]} for box in boxes]
    return {"images": images, "categories": [cat], "annotations": boxes}


def write(root: Path, file: str, pictures: str, whole: dict[str, Any]) -> Path:
    for k in (1, 2):
        picture(root / pictures / f"{k}.png", k)
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(json.dumps(whole))
    return root


@pytest.mark.parametrize(
    ("file", "pictures", "name"),
    [
        ("annotations/instances_default.json", "images/default", "1.png"),  # CVAT
        ("annotations/instances_Train.json", "images/Train", "images/Train/1.png"),
        ("result.json", "images", "images/1.png"),  # Label Studio
        ("result.json", "images", "../../label-studio/data/media/upload/1/1.png"),
        ("result.json", "images", "images\\1.png"),
        ("labels.json", "data", "1.png"),  # FiftyOne
        ("train/labels.json", "train/data", "1.png"),
        ("train/annotations.json", "train", "1.png"),
        ("_annotations.coco.json", ".", "1.png"),
    ],
)
def test_an_export_of_coco_is_found_by_what_is_in_it(tmp_path: Path, file: str, pictures: str, name: str):
    whole = coco(names=(name, name.replace("1.png", "2.png")))
    dataset = open_labelled(str(write(tmp_path, file, pictures, whole)), "train")
    assert (dataset.task, dataset.classes) == ("detection", ("cat",))
    assert [clip.target(0).xyxy.tolist() for clip in dataset.clips] == [[[4, 6, 12, 16]], [[8, 6, 16, 16]]]
    assert dataset.clips[1].image(0).shape == (24, 32, 3)


@pytest.mark.parametrize(
    ("file", "pictures", "split"),
    [
        ("annotations/instances_default.json", "images/default", "train"),
        ("annotations/instances_val2017.json", "val2017", "val"),
        ("valid/_annotations.coco.json", "valid", "val"),
        ("all.json", "images", "train"),
    ],
)
def test_the_json_file_may_be_given_and_is_one_split(tmp_path: Path, file: str, pictures: str, split: str):
    write(tmp_path, file, pictures, coco())
    (tmp_path / "train.json").write_text("another file")
    given = check(tmp_path / file)
    assert ([one.name for one in given.splits], given.problems) == ([split], ())
    dataset = open_dataset(str(tmp_path / file), split)
    assert [clip.image(0).shape for clip in dataset.clips] == [(24, 32, 3)] * 2


def test_json_of_anything_else_is_no_data_set(tmp_path: Path):
    (tmp_path / "all.json").write_text('{"images": []}')
    with pytest.raises(StreamdeqError, match=r"all\.json is a file, no data set that is known"):
        open_dataset(str(tmp_path / "all.json"), "train")


@pytest.mark.parametrize("file", ["annotations/instances_train.json", "train.json", "train/_annotations.coco.json"])
def test_key_points_in_a_file_of_any_name_are_opened_for_poses(tmp_path: Path, file: str):
    root = write(tmp_path, file, "train", coco(points=True))
    assert open_dataset(str(root), "train", "detection").task == "detection"
    dataset = open_dataset(str(root), "train", "pose")
    assert (dataset.task, dataset.classes) == ("pose", ("nose", "tail"))
    assert dataset.clips[0].target(0).xy.tolist() == [[[5, 7], [9, 9]]]
    assert check(root, task="pose").layout == "COCO key points"


def test_a_task_of_which_nothing_is_labelled_is_refused(tmp_path: Path):
    root = write(tmp_path, "train.json", "train", coco())
    with pytest.raises(StreamdeqError, match=r"expected labels for pose in .*, got COCO boxes, for detection"):
        check(root, task="pose")


@pytest.mark.parametrize("change", [str, lambda number: f"img_{number}", float])
def test_ids_may_be_text(tmp_path: Path, change: Any):
    whole = coco()
    for one in whole["images"]:
        one["id"] = change(one["id"])
    for one in whole["annotations"]:
        one |= {"image_id": change(one["image_id"]), "category_id": change(one["category_id"])}
    whole["categories"][0]["id"] = change(1)
    dataset = open_labelled(str(write(tmp_path, "train.json", "train", whole)), "train")
    assert [clip.target(0).xyxy.tolist() for clip in dataset.clips] == [[[4, 6, 12, 16]], [[8, 6, 16, 16]]]


@pytest.mark.parametrize("used", [False, True])
def test_the_category_that_roboflow_puts_before_the_others_is_no_class_unless_something_is(tmp_path: Path, used: bool):
    whole = coco()
    whole["categories"] = [
        {"id": 0, "name": "pets", "supercategory": "none"},
        {"id": 1, "name": "cat", "supercategory": "pets"},
    ]
    whole["annotations"][0]["category_id"] = 0 if used else 1
    root = write(tmp_path, "train/_annotations.coco.json", "train", whole)
    assert open_labelled(str(root), "train").classes == (("pets", "cat") if used else ("cat",))


def test_a_file_of_json_beside_folders_is_no_classification(tmp_path: Path):
    root = write(tmp_path, "train/labels.json", "train/data", {"classes": ["cat"], "labels": {"1": 0}})
    with pytest.raises(StreamdeqError, match=r"labels in a known form: the \.json files are not"):
        open_dataset(str(root), "train")


# -- YOLO --------------------------------------------------------------------------------------------------


def yolo(root: Path, label: str, settings: str = "train: images/train\n", file: str = "data.yaml") -> Path:
    picture(root / "images/train/a.png")
    (root / "labels/train").mkdir(parents=True)
    (root / "labels/train/a.txt").write_text(label)
    (root / file).write_text(settings + "names: [cat, dog]\n")
    return root


@pytest.mark.parametrize(
    ("label", "settings"),
    [
        ("1 0.25 0.5 0.5 0.5\n", ""),
        ("1.0 0.25 0.5 0.5 0.5\n", ""),
        ("1 0 0.25 0.5 0.25 0.5 0.75 0 0.75\n", ""),  # a polygon, or a turned box
        ("1 0.25 0.25 0.5 0.5 0 0.75\n", ""),
        ("1 0.25 0.5 0.5 0.5 0.1 0.4 2 0.4 0.4 1\n", "kpt_shape: [2, 3]\n"),
        ("1 0.25 0.5 0.5 0.5 0.1 0.4 0.4 0.4\n", "kpt_shape: [2, 2]\n"),
    ],
)
def test_polygons_and_boxes_with_key_points_are_boxes(tmp_path: Path, label: str, settings: str):
    root = yolo(tmp_path, label, "train: images/train\n" + settings)
    target = open_labelled(str(root), "train", "detection").clips[0].target(0)
    assert (target.xyxy.tolist(), target.labels.tolist()) == ([[0, 6, 16, 18]], [1])


@pytest.mark.parametrize(
    "label", ["1 0.5 0.5 0.2 0.4 0.93", "1.5 0.5 0.5 0.2 0.4", "nan 0.5 0.5 0.2 0.4", "1 0 0 1 1 0"]
)
def test_lines_of_neither_form_are_refused(tmp_path: Path, label: str):
    with pytest.raises(StreamdeqError, match="expected class, centre x"):
        open_labelled(str(yolo(tmp_path, label)), "train")


@pytest.mark.parametrize("line", ["./images/train/a.png", "images/train/a.png"])
def test_a_split_may_be_a_list_of_pictures(tmp_path: Path, line: str):
    root = yolo(tmp_path, "1 0.25 0.5 0.5 0.5\n", "train: train.txt\n")
    (root / "train.txt").write_text(f"{line}\n\n")
    [clip] = open_labelled(str(root), "train").clips
    assert (clip.name, clip.target(0).xyxy.tolist()) == ("a.png", [[0, 6, 16, 18]])
    (root / "train.txt").write_text(f"{line}\nimages/train/lost.png\n")
    with pytest.raises(StreamdeqError, match=r"expected the picture .*lost.png, line 2 of .*train.txt, found none"):
        open_dataset(str(root), "train")


@pytest.mark.parametrize("file", ["data.yaml", "coco8.yaml"])
def test_the_yaml_file_may_be_given_and_may_have_any_name(tmp_path: Path, file: str):
    root = yolo(tmp_path / "pets", "1 0.25 0.5 0.5 0.5\n", file=file)
    for given in (root, root / file):
        dataset = open_labelled(str(given), "train")
        assert (dataset.name, len(dataset.samples)) == ("pets", 1)
    with pytest.raises(StreamdeqError, match=r"a\.png is a single picture or film, no data set"):
        open_dataset(str(root / "images/train/a.png"), "train")
