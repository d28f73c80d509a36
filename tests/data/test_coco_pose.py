"""Key points in COCO's JSON: what is read, what counts, and what is refused with file, line and reason."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.box_trees import picture
from support.keypoint_trees import SIZE_HW, coco_people, write_coco_people

from streamdeq.cli.main import COMMANDS, build, guarded
from streamdeq.data.check import check
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError

NAMES = ("nose", "left_eye", "right_eye")


def test_people_have_points_boxes_and_areas_and_crowds_are_none(tmp_path: Path):
    dataset = open_dataset(str(write_coco_people(tmp_path / "people")), "val")
    assert (dataset.name, dataset.task, dataset.classes, dataset.licence) == ("people", "pose", NAMES, "CC BY")
    assert dataset.head == {"skeleton": [[0, 1], [2, 0]], "mirrored": [[1, 2]]}
    first, second, third = dataset.clips
    both = first.target(0)
    assert both.xy.tolist() == [[[20, 10], [24, 8], [0, 0]], [[50, 12], [0, 0], [48, 10]]]
    assert both.visible.tolist() == [[True, True, False], [True, False, True]]  # a hidden point is labelled too
    assert both.boxes_xyxy.tolist() == [[10, 4, 30, 44], [40, 6, 56, 36]]
    assert both.area_px.tolist() == [500.5, 300]
    assert not second.target(0).visible.any()
    assert third.target(0) is None
    assert first.image(0).shape == (*SIZE_HW, 3)


def test_only_pictures_with_a_labelled_point_are_trained_on_and_only_such_people_scored(tmp_path: Path):
    dataset = open_dataset(str(write_coco_people(tmp_path)), "val")
    assert [clip.labelled for clip in dataset.clips] == [(0,), (), ()]
    assert len(dataset.scored(NAMES).clips) == 2


def test_objects_of_categories_without_key_points_are_left_out(tmp_path: Path):
    whole = coco_people()
    whole["categories"].append({"id": 2, "name": "car"})
    whole["annotations"].append({"id": 9, "image_id": 9, "bbox": [0, 0, 9, 9], "category_id": 2})
    assert open_dataset(str(write_coco_people(tmp_path, whole)), "val").clips[2].target(0) is None


@pytest.mark.parametrize("bbox", [None, [], [0, 0, 0, 0], [40, 6, 16, 0]])
@pytest.mark.parametrize("sized", [True, False])
def test_without_a_box_that_has_area_it_is_that_of_the_visible_points(tmp_path: Path, bbox: Any, sized: bool):
    whole = coco_people()
    whole["annotations"][0] |= {"keypoints": [20, 10, 2, 0, 0, 0, 35, 30, 1], "bbox": bbox}
    whole["annotations"][1] |= {"keypoints": [50, 12, 2, 0, 0, 0, 0, 0, 0]}
    del whole["annotations"][1]["bbox"]
    for image in whole["images"] if not sized else ():
        del image["width"], image["height"]
    both = open_dataset(str(write_coco_people(tmp_path, whole)), "val").clips[0].target(0)
    assert both.boxes_xyxy.tolist() == [[20, 10, 35, 30], [0, 0, 64, 48]]  # of one point: all of the picture


def test_a_box_over_the_border_is_cut_to_its_picture(tmp_path: Path):
    whole = coco_people()
    whole["annotations"][0]["bbox"] = [-5, 40, 30, 100]
    whole["annotations"][1]["bbox"] = [64, 6, 16, 30]  # touches it only: has no area there
    both = open_dataset(str(write_coco_people(tmp_path, whole)), "val").clips[0].target(0)
    assert both.boxes_xyxy.tolist() == [[0, 40, 25, 48], [48, 10, 50, 12]]


def test_a_film_is_one_clip_and_says_who_is_who(tmp_path: Path):
    whole = coco_people()
    for image in whole["images"]:
        image |= {"video_id": 1, "frame_id": 20 - image["id"]}
    whole["annotations"][0]["track_id"] = 2**62 + 1
    whole["annotations"][1]["instance_id"] = None
    [clip] = open_dataset(str(write_coco_people(tmp_path, whole)), "val").clips
    assert (len(clip), clip.labelled) == (3, (2,))  # picture 7 is the last
    assert clip.target(2).instances.tolist() == [2**62 + 1, -1]


@pytest.mark.parametrize("file", ["annotations/person_keypoints_train.json", "annotations/keypoints_train.json"])
def test_ones_own_files_are_found_too(tmp_path: Path, file: str):
    path = write_coco_people(tmp_path, split="train") / "annotations/person_keypoints_train2017.json"
    path.rename(tmp_path / file)
    assert open_dataset(str(tmp_path), "train").classes == NAMES


def broken(change: dict[str, Any], entry: int = 1, key: str = "annotations") -> dict[str, Any]:
    whole = coco_people()
    whole[key][entry] = {**whole[key][entry], **change}
    return whole


@pytest.mark.parametrize(
    ("whole", "message"),
    [
        (broken({"keypoints": [1, 2, 2]}), "3 times x, y, visibility as keypoints in {}, annotations number 2"),
        (broken({"keypoints": [1, 2, 3] * 3}), "a visibility of 0, 1 or 2 in {}, annotations number 2, got 3"),
        (broken({"keypoints": [1, 2, "2"] * 3}), "3 times x, y, visibility as keypoints in {}, annotations number 2"),
        (broken({"bbox": [1, 2, -3, 4]}), "bbox with left, top, width, height in {}, annotations number 2"),
        (broken({"bbox": [1, 2, 3]}), "bbox with left, top, width, height in {}, annotations number 2"),
        (broken({"bbox": [1e6, 2, 3, 4]}), "a box in the frame of 64x48 pixels in {}, annotations number 2, got 1e+06"),
        (broken({"category_id": 4}), "a category_id of 1 in {}, annotations number 2, got 4"),
        (broken({"category_id": [1]}), "a category_id of 1 in {}, annotations number 2, got [1]"),
        (broken({"track_id": "ann"}), "a whole number as track_id in {}, annotations number 2, got ann"),
        (broken({"image_id": 44}), "the id of an image in {}, annotations number 2"),
        (broken({"width": 0}, key="images"), "id, file_name, width and height in {}, images number 2"),
        (broken({"keypoints": ["a", "a"]}, 0, "categories"), "different names as keypoints in {}, categories number 1"),
        (
            broken({"skeleton": [[0, 1]]}, 0, "categories"),
            "numbers 1..3 as skeleton in {}, categories number 1",
        ),
    ],
)
def test_what_is_broken_is_refused_with_file_line_and_reason(tmp_path: Path, whole: dict[str, Any], message: str):
    path = write_coco_people(tmp_path, whole) / "annotations/person_keypoints_val2017.json"
    with pytest.raises(StreamdeqError) as error:
        open_dataset(str(tmp_path), "val")
    key, number = message.split("{}, ")[1].split(",")[0].split(" number ")
    lines = path.read_text().splitlines()
    begin = next(n for n, line in enumerate(lines, 1) if line.startswith(f' "{key}"'))
    at = [n for n, line in enumerate(lines, 1) if n > begin and line == "  {"][int(number) - 1]
    assert message.format(f"{path}, line {at}") in str(error.value)
    assert "\n" not in str(error.value)


def test_an_annotation_that_is_no_object_is_refused(tmp_path: Path):
    whole = coco_people()
    whole["annotations"][1] = 5
    with pytest.raises(StreamdeqError, match=r"the id of an image in .*, line \d+, annotations number 2, got 5"):
        open_dataset(str(write_coco_people(tmp_path, whole)), "val")


def test_files_of_boxes_alone_have_no_key_points(tmp_path: Path):
    whole = coco_people()
    del whole["categories"][0]["keypoints"]
    with pytest.raises(StreamdeqError, match=r"expected one list of keypoints in the categories of .*, got 0"):
        open_dataset(str(write_coco_people(tmp_path, whole)), "val")


def test_a_folder_with_boxes_and_key_points_is_opened_for_the_task_that_asks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    root = write_coco_people(tmp_path)
    (root / "annotations/instances_val2017.json").write_text(json.dumps(coco_people()))
    assert open_dataset(str(root), "val").task == "detection"
    assert open_dataset(str(root), "val", "segmentation").task == "detection"  # what else is there to say
    assert open_dataset(str(root), "val", "detection").classes == ("person",)
    assert open_dataset(str(root), "val", "pose").classes == NAMES
    assert guarded(build(COMMANDS), ["data", "check", str(root), "-q", "--task", "pose"]) == 0
    assert "COCO key points, pose, 3 classes" in capsys.readouterr().out
    assert guarded(build(COMMANDS), ["data", "check", str(root), "-q", "--task", "poses"]) == 2
    assert "did you mean 'pose'" in capsys.readouterr().err


def test_data_check_counts_labelled_points_and_finds_pictures_of_another_size(tmp_path: Path):
    root = write_coco_people(tmp_path)
    report = check(root)
    assert (report.layout, report.unit, report.problems) == ("COCO key points", "visible key points", ())
    assert [one.share for one in report.classes] == [0.5, 0.25, 0.25]
    picture(root / "val2017/000000000007.jpg", size_hw=(12, 20))
    [problem] = check(root).problems
    assert "000000000007.jpg of 64x48 pixels, or of these sides by one factor" in problem
    assert "got 20x12" in problem
    assert np.isfinite([one.share for one in report.classes]).all()
