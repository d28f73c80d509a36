"""What `data check`, `train` and `eval` say of labels that are not there, of another size, or mean something else."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.box_trees import coco_video, picture, write_coco_video, write_vid
from support.dataset_trees import SIZE_HW, write, write_own
from support.keypoint_trees import coco_people, write_coco_people

from streamdeq.cli.main import COMMANDS, build, guarded
from streamdeq.data.check import check
from streamdeq.data.labels import open_labelled
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError


def said(root: Path, split: str = "train") -> str:
    with pytest.raises(StreamdeqError) as error:
        open_labelled(str(root), split)
    assert "\n" not in str(error.value)
    return str(error.value)


def write_yolo(root: Path, count: int = 4, labels: str = "labels") -> Path:
    for split in ("train", "val"):
        (root / labels / split).mkdir(parents=True)
        for k in range(count):
            picture(root / f"images/{split}/{k:03d}.png")
            (root / f"{labels}/{split}/{k:03d}.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    (root / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [cat, dog]\n")
    return root


# -- none at all -------------------------------------------------------------------------------------------


def test_a_labels_folder_of_another_name_is_refused_with_the_folder_looked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    root = write_yolo(tmp_path, labels="label")
    expected = f"expected labels of 'train' in {root / 'labels/train'}"
    assert expected in said(root)
    for command in (["data", "check", str(root), "-q"], ["train", "person-s", "--data", str(root), "steps=1"]):
        assert guarded(build(COMMANDS), command) == 2
        assert expected in capsys.readouterr().err


def test_empty_label_files_alone_are_no_labels_and_a_few_labels_are_told(tmp_path: Path):
    root = write_yolo(tmp_path)
    for k in range(4):
        (root / f"labels/val/{k:03d}.txt").write_text("")
    for k in range(3):
        (root / f"labels/train/{k:03d}.txt").unlink()
    assert "expected labelled frames in split 'val'" in said(root, "val")
    assert len(open_labelled(str(root), "train").samples) == 4
    report = check(root)
    assert "train: only 1 of 4 labelled pictures show anything" in report.missing
    assert ["split 'val'" in problem for problem in report.problems] == [True]


@pytest.mark.parametrize("change", [None, {"bbox": [5, 6, 0, 0]}, {"iscrowd": 1}])
def test_json_without_an_annotation_or_with_flat_boxes_or_crowds_alone_is_no_labels(tmp_path: Path, change: Any):
    whole = coco_video()
    whole["annotations"] = [] if change is None else [one | change for one in whole["annotations"]]
    root = write_coco_video(tmp_path, whole)
    assert "3 pictures and nothing is labelled in them" in said(root)
    assert len(check(root).problems) == 1


# -- declared and actual sizes -----------------------------------------------------------------------------


def test_boxes_are_scaled_to_pictures_that_were_made_smaller(tmp_path: Path):
    root = write_coco_video(tmp_path)
    [clip] = open_dataset(str(root), "train").clips
    before = clip.target(1)
    for k in range(3):
        picture(root / f"images/walk/{k:04d}.png", size_hw=(12, 16))
    after = clip.target(1)
    np.testing.assert_array_equal(after.xyxy, before.xyxy / 2)
    np.testing.assert_array_equal(after.motion, before.motion)
    assert after.instances.tolist() == before.instances.tolist()
    assert check(root).problems == ()


def test_points_boxes_and_areas_are_scaled_to_pictures_that_were_made_larger(tmp_path: Path):
    root = write_coco_people(tmp_path)
    clip = open_dataset(str(root), "val").clips[0]
    before = clip.target(0)
    picture(root / "val2017/000000000007.jpg", size_hw=(96, 128))
    after = clip.target(0)
    assert after.xy[0, 0].tolist() == [40.5, 20.5]  # (20, 10): the middle of that pixel is that of four
    np.testing.assert_array_equal(after.boxes_xyxy, before.boxes_xyxy * 2)
    np.testing.assert_array_equal(after.area_px, before.area_px * 4)


def test_a_side_that_was_rounded_is_still_one_factor(tmp_path: Path):
    root = write_coco_video(tmp_path)
    picture(root / "images/walk/0000.png", size_hw=(11, 15))
    [first] = open_dataset(str(root), "train").clips[0].target(0).xyxy.tolist()
    assert first == pytest.approx([0, 4 * 11 / 24, 8 * 15 / 32, 20 * 11 / 24])


def turned(path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(path).save(path, exif=exif)


@pytest.mark.parametrize("change", [turned, lambda path: picture(path, size_hw=(32, 24))])
def test_pictures_that_were_turned_after_they_were_labelled_are_refused(tmp_path: Path, change: Any):
    root = write_coco_video(tmp_path)
    change(root / "images/walk/0001.png")
    assert "0001.png of 32x24 pixels" in said(root)
    assert "got 24x32 upright; was it turned after it was labelled?" in said(root)


def test_a_turned_picture_whose_file_declares_it_upright_is_right(tmp_path: Path):
    whole = coco_video()
    whole["images"][1] |= {"width": 24, "height": 32}
    root = write_coco_video(tmp_path, whole)
    turned(root / "images/walk/0001.png")
    assert check(root).problems == ()
    assert open_dataset(str(root), "train").clips[0].target(1).xyxy[0].tolist() == [2, 4, 10, 20]


def test_sizes_in_xml_are_compared_too(tmp_path: Path):
    larger, root = write_vid(tmp_path / "larger"), write_vid(tmp_path / "turned")
    frame = "Data/VID/val/ILSVRC2015_val_00000000/000001.JPEG"
    picture(larger / frame, size_hw=(48, 64))
    [clip] = open_dataset(str(larger), "val").clips
    assert clip.target(1).xyxy.tolist() == [[2, 8, 18, 40]]
    picture(root / frame, size_hw=(32, 24))
    assert "000001.JPEG of 32x24 pixels" in said(root, "val")


# -- masks of 0 and 255 ------------------------------------------------------------------------------------


def write_masks(root: Path, classes: str, file: str = "classes.json") -> Path:
    write_own(root, ["a", "b"])
    for name in ("classes.txt", "classes.json"):
        (root / name).unlink(missing_ok=True)
    (root / file).write_text(classes)
    mask = np.zeros(SIZE_HW, np.uint8)
    mask[:4] = 255
    for key in "ab":
        write(root / f"labels/{key}.png", mask)
    return root


@pytest.mark.parametrize(
    ("classes", "names"),
    [
        ('["street", "thing"]', ("street", "thing")),
        ('["thing"]', ("background", "thing")),
        (None, ("background", "object")),
    ],
)
@pytest.mark.parametrize("folder", ["labels", "masks"])
def test_masks_of_0_and_255_are_two_classes_and_that_is_told(
    tmp_path: Path, classes: str | None, names: tuple[str, str], folder: str
):
    root, notes = write_masks(tmp_path, classes or "[]"), list[str]()
    if classes is None:
        (root / "classes.json").unlink()
    (root / "labels").rename(root / folder)
    dataset = open_labelled(str(root), "train", say=notes.append)
    assert dataset.classes == names
    assert np.unique(dataset.clips[0].target(0), return_counts=True)[1].tolist() == [12 * 32, 4 * 32]
    [note] = notes
    assert f"hold 0 and 255 alone: taken as two classes, 0 is '{names[0]}' and 255 is '{names[1]}'" in note
    assert (check(root).notes, check(root).ignored) == ((note.partition(": ")[2],), 0)


def test_masks_of_one_bit_are_two_classes(tmp_path: Path):
    root = write_masks(tmp_path, '["road", "car", "sky"]')
    (root / "classes.json").unlink()
    for key in "ab":
        Image.fromarray(np.eye(*SIZE_HW, dtype=bool)).save(root / f"labels/{key}.png")
    dataset = open_labelled(str(root), "train")
    assert (dataset.classes, dataset.clips[0].target(0).sum()) == (("background", "object"), min(SIZE_HW))


def test_0_and_255_of_three_classes_are_a_class_and_what_is_ignored(tmp_path: Path):
    root, notes = write_masks(tmp_path, '["road", "car", "sky"]'), list[str]()
    dataset = open_labelled(str(root), "train", say=notes.append)
    assert np.unique(dataset.clips[0].target(0)).tolist() == [0, 255]
    [note] = notes
    assert "25.0% of them 255 (ignored), so that any answer scores 100" in note
    assert '{"name": …, "value": 255}' in note
    assert note.partition(": ")[2] in check(root).missing


def test_255_is_a_class_where_the_classes_say_so(tmp_path: Path):
    root, notes = write_masks(tmp_path, '["background", {"name": "thing", "value": 255}]'), list[str]()
    dataset = open_labelled(str(root), "train", say=notes.append)
    assert np.unique(dataset.clips[0].target(0), return_counts=True)[1].tolist() == [12 * 32, 4 * 32]
    assert [one.share for one in check(root).classes] == [0.75, 0.25]
    assert (notes, check(root).ignored) == ([], 0)
    write(root / "labels/a.png", np.ones(SIZE_HW, np.uint8))
    with pytest.raises(StreamdeqError, match=r"expected the classes' values 0, 255 in .*a.png, got 1 at row 0"):
        dataset.clips[0].target(0)


def test_label_maps_of_ignored_pixels_alone_are_no_labels_and_one_pixel_is_one(tmp_path: Path):
    root = write_masks(tmp_path, '["background", "thing"]')
    for key in "ab":
        write(root / f"labels/{key}.png", np.full(SIZE_HW, 255, np.uint8))
    nothing = "expected labelled frames in split 'train' of"
    assert nothing in said(root, "train")
    assert nothing in check(root).problems[0]
    one = np.full(SIZE_HW, 255, np.uint8)
    one[-1, -1] = 1
    write(root / "labels/b.png", one)
    open_labelled(str(root), "train")
    assert not check(root).problems


def test_two_classes_of_one_value_are_refused(tmp_path: Path):
    root = write_masks(tmp_path, '["background", {"name": "thing", "value": 0}]')
    assert "expected a value of its own for each class" in said(root)


# -- all of them, before work begins -----------------------------------------------------------------------


def test_every_broken_line_of_every_label_file_is_told_before_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    root = write_yolo(tmp_path / "data", count=30)
    for k in range(3, 15):
        (root / f"labels/train/{k:03d}.txt").write_text("0 0.1 0.1 0.5\n\n7 0.5 0.5 0.2 0.2\n" if k == 3 else "dog\n")
    text = said(root)
    assert text.startswith("13 problems: (1) expected class, centre x")
    assert "003.txt, line 1" in text
    assert "(2) expected a class 0..1 in" in text
    assert "(10) " in text
    assert text.endswith("; and 3 more")
    assert len(check(root, sample=2).problems) == 13
    command = ["train", "person-s", "--data", str(root), "steps=9", "--out", str(tmp_path / "run"), "-q"]
    assert guarded(build(COMMANDS), command) == 2
    assert "13 problems" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_every_broken_annotation_of_json_is_told_with_its_line(tmp_path: Path):
    whole = coco_video()
    whole["annotations"][0]["bbox"] = [500, 4, 8, 16]
    whole["annotations"][2]["category_id"] = 99
    text = said(write_coco_video(tmp_path / "values", whole))
    assert text.startswith("2 problems: (1) expected a box in the frame")
    assert "annotations number 1" in text
    assert "annotations number 3" in text
    for k in (1, 3):
        whole["annotations"][k]["bbox"] = "[5, 6]"
    text = said(write_coco_video(tmp_path / "types", whole))
    assert text.startswith("2 problems: (1) expected bbox with left, top, width, height in")
    lines = (tmp_path / "types/train.json").read_text().splitlines()
    for k, number in enumerate((2, 4), start=1):
        line = int(text.partition(f"({k})")[2].partition(", line ")[2].partition(",")[0])
        assert lines[line - 1].strip() == "{"
        assert f"line {line}, annotations number {number}" in text


def test_every_broken_instance_of_key_points_is_told(tmp_path: Path):
    whole = coco_people()
    for k in (0, 1):
        whole["annotations"][k]["keypoints"] = [1, 2, 3]
    root = write_coco_people(tmp_path)
    [path] = (root / "annotations").glob("*.json")
    path.write_text(json.dumps(whole))
    assert said(root, "val").startswith("2 problems: (1) expected 3 times x, y, visibility")
