"""Boxes in YOLO's layout: what is read, and what is refused with file, line and reason."""

from pathlib import Path

import numpy as np
import pytest
from box_trees import picture
from PIL import Image

from streamdeq.data.check import check
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError
from streamdeq.video import open_source

YAML = "# made by a tool\npath: /somewhere/else\ntrain: images/train\nval: ../images/val  # too high\n\nnc: 2\n"


def write_yolo(root: Path, names: str = "names:\n  0: cat\n  1: 'dog'\n", label: str = "1 0.5 0.5 0.25 0.5\n") -> Path:
    for split in ("train", "val"):
        picture(root / f"images/{split}/a.png")
        picture(root / f"images/{split}/b.png")
    (root / "labels/train").mkdir(parents=True)
    (root / "labels/train/a.txt").write_text(label)
    (root / "data.yaml").write_text(YAML + names)
    return root


@pytest.mark.parametrize("names", ["names:\n  0: cat\n  1: 'dog'\n", 'names: [cat, "dog"]\n', "names:\n- cat\n- dog\n"])
def test_pictures_are_clips_and_boxes_come_back_in_pixels(tmp_path: Path, names: str):
    root = write_yolo(tmp_path / "pets", names)
    dataset = open_dataset(str(root), "train")
    assert (dataset.name, dataset.task, dataset.classes) == ("pets", "detection", ("cat", "dog"))
    first, second = dataset.clips
    assert (first.name, first.image(0).shape) == ("a.png", (24, 32, 3))
    assert (first.target(0).xyxy.tolist(), first.target(0).labels.tolist()) == ([[12, 6, 20, 18]], [1])
    assert len(second.target(0)) == 0  # no file: nothing is there
    assert len(open_dataset(str(root), "val").clips) == 2


def test_boxes_over_the_border_are_cut_and_flat_ones_kept(tmp_path: Path):
    root = write_yolo(tmp_path, label="0 0 0 0.5 0.5\n\n1 0.5 0.5 0 0.5\n")
    target = open_dataset(str(root), "train").clips[0].target(0)
    np.testing.assert_allclose(target.xyxy, [[0, 0, 8, 6], [16, 6, 16, 18]])
    assert target.visible.tolist() == [True, False]


def test_boxes_are_of_the_upright_picture_that_is_run_on(tmp_path: Path):
    root = write_yolo(tmp_path, label="1 0.5 0.25 0.5 0.5\n")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned a quarter clockwise
    stored = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
    Image.fromarray(stored).save(root / "images/train/a.png", exif=exif)
    clip = open_dataset(str(root), "train").clips[0]
    np.testing.assert_array_equal(clip.image(0), np.rot90(stored, -1))
    with open_source(root / "images/train/a.png") as source:
        np.testing.assert_array_equal(next(iter(source)).image, clip.image(0))
    assert clip.target(0).xyxy.tolist() == [[6, 0, 18, 16]]  # of 24x32, not of 32x24


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("1 0.5 0.5 0.1 0.1\n1 0.5 0.5 0.1", "expected class, centre x, centre y, width, height in {}, line 2"),
        ("x 0.5 0.5 0.1 0.1", "expected class, centre x, centre y, width, height in {}, line 1"),
        ("2 0.5 0.5 0.1 0.1", "expected a class 0..1 in {}, line 1, got 2"),
        ("1 16 12 8 12", "expected shares 0..1 of the picture's sides in {}, line 1"),
        ("1 0.5 0.5 -0.1 0.1", "a width and height of at least 0 in {}, line 1"),
        ("1 nan 0.5 0.1 0.1", "a box of finite numbers in {}, line 1"),
        ("1 1.5 0.5 0.1 0.1", "a box in the frame of 32x24 pixels in {}, line 1"),
    ],
)
def test_broken_labels_are_refused_with_file_line_and_reason(tmp_path: Path, label: str, message: str):
    root = write_yolo(tmp_path, label=label)
    with pytest.raises(StreamdeqError) as error:
        open_dataset(str(root), "train").clips[0].target(0)
    assert message.format(root / "labels/train/a.txt") in str(error.value)
    assert any("line" in problem for problem in check(root).problems)


def test_a_file_that_names_no_classes_or_folders_is_refused(tmp_path: Path):
    write_yolo(tmp_path, names="")
    with pytest.raises(StreamdeqError, match=r"different names of classes in .*data\.yaml, got none"):
        open_dataset(str(tmp_path), "train")
    (tmp_path / "data.yaml").write_text("names: [cat]\ntrain: pictures\n")
    with pytest.raises(StreamdeqError, match=r"expected the folder .*pictures, train of"):
        open_dataset(str(tmp_path), "train")


def test_data_check_knows_it(tmp_path: Path):
    report = check(write_yolo(tmp_path))
    assert (report.layout, report.unit) == ("YOLO boxes", "boxes")
    assert [one.share for one in report.classes] == [0, 1]
