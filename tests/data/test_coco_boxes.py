"""COCO's JSON, of films and of pictures: what is read, and what is refused with file, line and reason."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.box_trees import SIZE_HW, coco_video, picture, write_coco_video

from streamdeq.data.check import check
from streamdeq.data.open import open_dataset
from streamdeq.data.readers import imagenet_vid
from streamdeq.errors import StreamdeqError
from streamdeq.values.boxes import Boxes


def test_a_film_is_a_clip_of_labelled_frames_in_the_order_of_time(tmp_path: Path):
    whole = coco_video()
    whole["images"].reverse()
    dataset = open_dataset(str(write_coco_video(tmp_path / "walks", whole)), "train")
    assert (dataset.name, dataset.task, dataset.classes) == ("walks", "detection", ("person", "car"))
    [clip] = dataset.clips
    assert (clip.name, clip.fps, len(clip), clip.labelled) == ("walk", 25.0, 3, (0, 1, 2))
    assert clip.image(1).shape == (*SIZE_HW, 3)
    first, second, third = (clip.target(t) for t in range(3))
    assert isinstance(first, Boxes)
    assert first.xyxy.tolist() == [[0, 4, 8, 20]]
    assert (second.labels.tolist(), second.ignore.tolist()) == ([0, 1], [False, True])
    assert (third.xyxy.tolist(), third.visible.tolist()) == ([[4, 4, 12, 20], [5, 5, 5, 13]], [True, False])
    assert third.instances.tolist() == [70, 71]


def test_boxes_are_scored_in_the_classes_of_a_model_that_shares_them_by_name(tmp_path: Path):
    dataset = open_dataset(str(write_coco_video(tmp_path)), "train")
    wider = dataset.scored(("car", "bus", "person"))
    assert wider.classes == ("car", "bus", "person")
    assert [wider.clips[0].target(t).labels.tolist() for t in range(3)] == [[2], [2, 0], [2, 0]]
    assert wider.clips[0].target(1).ignore.tolist() == [False, True]
    narrower = dataset.scored(("person",))
    assert [narrower.clips[0].target(t).labels.tolist() for t in range(3)] == [[0], [0], [0]]
    assert dataset.scored(("person", "bus")) is dataset  # neither knows all of the other's
    assert dataset.scored(dataset.classes) is dataset


def test_the_motion_of_an_object_is_how_well_it_covers_itself_in_the_frames_around(tmp_path: Path):
    [clip] = open_dataset(str(write_coco_video(tmp_path)), "train").clips
    one_frame, two_frames = 6 / 10, 4 / 12  # IoU of boxes 8 wide, 2 and 4 pixels apart
    np.testing.assert_allclose(clip.target(0).motion, [(one_frame + two_frames) / 2], rtol=1e-6)
    np.testing.assert_allclose(clip.target(1).motion, [one_frame, np.nan], rtol=1e-6)
    assert np.isnan(clip.target(2).motion[1])


def test_a_film_with_a_gap_is_two_clips_and_a_wider_step_a_lower_rate(tmp_path: Path):
    dataset = open_dataset(str(write_coco_video(tmp_path, coco_video((0, 2, 4, 5 + 5)))), "train")
    assert [(clip.name, clip.fps, len(clip)) for clip in dataset.clips] == [("walk@0", 12.5, 3), ("walk@10", 12.5, 1)]


def test_frames_that_are_not_for_training_stay_in_the_clip(tmp_path: Path):
    whole = coco_video()
    for k, image in enumerate(whole["images"]):
        image["is_vid_train_frame"] = k == 1
    [clip] = open_dataset(str(write_coco_video(tmp_path, whole)), "train").clips
    assert (len(clip), clip.labelled) == (3, (1,))
    assert not np.isnan(clip.target(1).motion[0])


def test_in_val_every_frame_is_labelled_whatever_is_said_of_training(tmp_path: Path):
    whole = coco_video()
    for image in whole["images"]:
        image["is_vid_train_frame"] = False  # as converters of ImageNet-VID write it
    for split in ("train", "val"):
        write_coco_video(tmp_path, whole, split)
    labelled = {
        split: [clip.labelled for clip in open_dataset(str(tmp_path), split).clips]
        for split in ("train", "train:walk", "val", "val:walk")
    }
    assert labelled == {"train": [()], "train:walk": [()], "val": [(0, 1, 2)], "val:walk": [(0, 1, 2)]}


def test_imagenet_vids_classes_are_spelled_one_way_and_others_stay_as_they_are(tmp_path: Path):
    whole, names = coco_video(), [name.replace(" ", "_") for name in imagenet_vid.CLASSES]
    assert "domestic_cat" in names
    whole["categories"] = [{"id": k, "name": name} for k, name in enumerate(names, start=1)]
    assert open_dataset(str(write_coco_video(tmp_path / "vid", whole)), "train").classes == imagenet_vid.CLASSES
    whole["categories"][0]["name"] = "paper_plane"
    assert "domestic_cat" in open_dataset(str(write_coco_video(tmp_path / "own", whole)), "train").classes


def test_a_split_can_be_narrowed_to_some_of_its_films(tmp_path: Path):
    root = write_coco_video(tmp_path)
    assert len(open_dataset(str(root), "train:walk").clips) == 1
    with pytest.raises(StreamdeqError, match=r"unknown film of .*train.json 'work'; did you mean 'walk'"):
        open_dataset(str(root), "train:work")
    with pytest.raises(StreamdeqError, match="unknown split 'val'"):
        open_dataset(str(root), "val")


@pytest.mark.parametrize(
    ("file", "folder"),
    [
        ("annotations/instances_train2017.json", "train2017"),
        ("annotations/instances_train.json", "images"),
        ("train/_annotations.coco.json", "train"),
        ("annotations/train.json", "images/train"),
    ],
)
def test_pictures_are_found_where_the_usual_layouts_have_them(tmp_path: Path, file: str, folder: str):
    picture(tmp_path / folder / "a.png")
    picture(tmp_path / folder / "b.png")
    whole = coco_video()
    whole["images"] = [{"id": k, "file_name": f"{name}.png"} for k, name in ((1, "a"), (2, "b"))]
    whole["annotations"] = [{"id": 1, "image_id": 2, "bbox": [1, 2, 3, 4], "category_id": 5}]
    del whole["videos"]
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(json.dumps(whole))
    dataset = open_dataset(str(tmp_path), "train")
    assert [len(clip) for clip in dataset.clips] == [1, 1]
    assert [len(clip.target(0)) for clip in dataset.clips] == [0, 1]  # the first shows nothing
    assert dataset.clips[1].image(0).shape == (*SIZE_HW, 3)


def test_the_licence_is_what_the_file_or_the_readme_says(tmp_path: Path):
    root = write_coco_video(tmp_path)
    assert open_dataset(str(root), "train").licence == "not stated by the data"
    (root / "README.md").write_text("# walks\n\nLicence: CC BY 4.0;\nby us\n\nmore\n")
    assert open_dataset(str(root), "train").licence == "CC BY 4.0; by us"
    write_coco_video(root, {**coco_video(), "licenses": [{"id": 1, "name": "CC0"}]})
    assert open_dataset(str(root), "train").licence == "CC0"


def broken(change: dict[str, Any], entry: int = 1, key: str = "annotations") -> dict[str, Any]:
    whole = coco_video()
    whole[key][entry] = {**whole[key][entry], **change}
    return whole


def films(second: Any) -> dict[str, Any]:
    whole = coco_video()
    whole["videos"].append(second)
    return whole


@pytest.mark.parametrize(
    ("whole", "message"),
    [
        (broken({"bbox": [1, 2, 3]}), "bbox with left, top, width, height in {}, annotations number 2, got [1, 2, 3]"),
        (broken({"bbox": [1, 2, "3", 4]}), "bbox with left, top, width, height in {}, annotations number 2"),
        (broken({"bbox": [1, 2, -3, 4]}), "a width and height of at least 0 in {}, annotations number 2, got -3 x 4"),
        (broken({"bbox": [40, 2, 3, 4]}), "in the frame of 32x24 pixels in {}, annotations number 2, got 40, 2, 43, 6"),
        (broken({"bbox": [1, 2, float("nan"), 4]}), "of finite numbers in {}, annotations number 2"),
        (broken({"category_id": 4}), "a category_id of 3, 5 in {}, annotations number 2, got 4"),
        (broken({"category_id": [3]}), "a category_id of 3, 5 in {}, annotations number 2, got [3]"),
        (broken({"bbox": [1, 2, 3, 10**400]}), "bbox with left, top, width, height in {}, annotations number 2"),
        (broken({"instance_id": "car-1"}), "number as instance_id in {}, annotations number 2, got car-1"),
        (broken({"instance_id": 2**63}), "number as instance_id in {}, annotations number 2, got 9223372036854775808"),
        (broken({"instance_id": None, "track_id": 1.5}), "number as track_id in {}, annotations number 2, got 1.5"),
        (broken({"image_id": 44}), "the id of an image in {}, annotations number 2"),
        (broken({"width": 0}, key="images"), "id, file_name, width and height in {}, images number 2"),
        (broken({"frame_id": None}, key="images"), "video_id and frame_id in {}, images number 2, got 7 and None"),
        (broken({"frame_id": "1"}, key="images"), "video_id and frame_id in {}, images number 2, got 7 and 1"),
        (broken({"video_id": [7]}, key="images"), "video_id and frame_id in {}, images number 2, got [7] and 1"),
        (broken({"id": 1}, key="images"), "each id once, got 1 again in {}, images number 2"),
        (broken({"name": None}, key="categories"), "an id and a name in {}, categories number 2"),
        (broken({"id": 5}, key="categories"), "each id once, got 5 again in {}, categories number 2"),
        (films({"name": "run", "fps": 25}), "a whole number as id in {}, videos number 2, got {'name': 'run'"),
        (films("run"), "a whole number as id in {}, videos number 2, got run"),
        (films({"id": 7}), "each id once, got 7 again in {}, videos number 2"),
        (films({"id": 8, "fps": None}), "fps above 0 in {}, videos number 2, got None"),
        (films({"id": 8, "fps": "25"}), "fps above 0 in {}, videos number 2, got 25"),
        (films({"id": 8, "fps": 0}), "fps above 0 in {}, videos number 2, got 0"),
        (films({"id": 8, "fps": float("inf")}), "fps above 0 in {}, videos number 2, got inf"),
    ],
)
def test_what_is_broken_is_refused_with_file_line_and_reason(tmp_path: Path, whole: dict[str, Any], message: str):
    path = write_coco_video(tmp_path, whole) / "train.json"
    with pytest.raises(StreamdeqError) as error:
        open_dataset(str(tmp_path), "train")
    key = message.split("{}, ")[1].split(" number")[0]
    lines = path.read_text().splitlines()
    begin = next(number for number, line in enumerate(lines, 1) if f'"{key}"' in line)
    second = [number for number, line in enumerate(lines, 1) if number > begin and line in ("  {", '  "run"')][1]
    assert message.replace("{}", f"{path}, line {second}") in str(error.value)
    assert "\n" not in str(error.value)


def test_videos_are_a_list_or_not_there(tmp_path: Path):
    with pytest.raises(StreamdeqError, match=r"videos in .*train\.json to be a list, got None"):
        open_dataset(str(write_coco_video(tmp_path, {**coco_video(), "videos": None})), "train")


def test_an_object_of_which_null_is_said_may_be_any_and_numbers_may_be_long(tmp_path: Path):
    whole = coco_video()
    whole["annotations"][0]["instance_id"] = None
    whole["annotations"][1] |= {"instance_id": None, "track_id": 2**62 + 1}
    [clip] = open_dataset(str(write_coco_video(tmp_path, whole)), "train").clips
    assert [clip.target(t).instances[0] for t in range(3)] == [-1, 2**62 + 1, 70]


def test_what_is_no_coco_json_is_refused(tmp_path: Path):
    (tmp_path / "train.json").write_text('{"images": [],\n "annotations": [}')
    with pytest.raises(StreamdeqError, match=r"expected JSON in .*train\.json, line 2"):
        open_dataset(str(tmp_path), "train")
    (tmp_path / "train.json").write_text("[]")
    with pytest.raises(StreamdeqError, match="a list of images"):
        open_dataset(str(tmp_path), "train")


def test_one_frame_twice_is_refused(tmp_path: Path):
    with pytest.raises(StreamdeqError, match=r"each frame_id once per video in .*, got 1 twice in walk"):
        open_dataset(str(write_coco_video(tmp_path, coco_video((0, 1, 1)))), "train")


def test_data_check_tells_the_boxes_and_finds_pictures_of_another_size(tmp_path: Path):
    root = write_coco_video(tmp_path)
    report = check(root)
    assert (report.layout, report.task, report.unit) == ("COCO boxes", "detection", "boxes")
    assert [(one.name, one.share) for one in report.classes] == [("person", 1.0), ("car", 0.0)]
    assert report.ignored == pytest.approx(2 / 5)  # the crowd and the flat one
    assert not report.problems
    picture(root / "images/walk/0001.png", size_hw=(12, 20))
    [problem] = check(root).problems
    assert "0001.png of 32x24 pixels, or of these sides by one factor" in problem
    assert "got 20x12" in problem


@pytest.mark.shared
def test_mot15_mini_is_read_whole(shared_dir: Path):
    folder = str(shared_dir / "data" / "mot15-mini")
    train, val = (open_dataset(folder, split) for split in ("train", "val"))
    assert [(clip.name, len(clip), clip.fps) for clip in train.clips] == [
        ("ADL-Rundle-6", 375, 30), ("PETS09-S2L1", 595, 7), ("TUD-Stadtmitte", 179, 25),
    ]  # fmt: skip
    assert (len(train.samples), len(val.samples)) == (1149, 371)
    assert sum(len(clip.target(t)) for clip, t in val.samples) == 2813
    assert "CC BY-NC-SA 3.0" in train.licence
    [unseen] = open_dataset(folder, "val:TUD-Campus").clips
    assert len(unseen) == 71
