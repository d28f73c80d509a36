"""Boxes in YOLO's layout: what is read, and what is refused with file, line and reason."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.box_trees import picture

from streamdeq.data.check import check
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError
from streamdeq.video import open_source

YAML = "# made by a tool\npath: /somewhere/else\ntrain: images/train\nval: ../images/val  # too high\n\n# names\n"


def write_yolo(root: Path, names: str = "names:\n  0: cat\n  1: 'dog'\n", label: str = "1 0.5 0.5 0.25 0.5\n") -> Path:
    for split in ("train", "val"):
        picture(root / f"images/{split}/a.png")
        picture(root / f"images/{split}/b.png")
    for split in ("train", "val"):
        (root / f"labels/{split}").mkdir(parents=True)
        (root / f"labels/{split}/a.txt").write_text(label)
    (root / "data.yaml").write_text(YAML + names)
    return root


@pytest.mark.parametrize(
    "names",
    [
        "nc: 2\nnames:\n  0: cat\n  1: 'dog'\n",
        'names: [cat, "dog"]\nnc: 2\n',
        "names: [cat,\n  dog]  # pets\n",
        "names:\n- cat\n- dog\n",
        "names: {0: cat, 1: dog}\n",
        "names:\n  1: dog\n  0: cat\n",
        "names: [cat, dog]\ndownload: |\n  from tool import fetch\n  fetch([1, 2])\n",
    ],
)
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


def test_names_are_what_stands_there_and_more_than_ten_are_in_the_order_of_their_numbers(tmp_path: Path):
    root = write_yolo(tmp_path / "a", "names: [no, 'a, b', 7]\n")
    assert open_dataset(str(root), "train").classes == ("no", "a, b", "7")
    listed = "".join(f"  {number}: c{number}\n" for number in reversed(range(12)))
    root = write_yolo(tmp_path / "b", f"names:\n{listed}")
    assert open_dataset(str(root), "train").classes == tuple(f"c{number}" for number in range(12))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("names: {0: cat, 2: dog}\n", "names by number, 0 to 1, in {}, got 0, 2"),
        ("names: {1: cat, 2: dog}\n", "names by number, 0 to 1, in {}, got 1, 2"),
        ("names: {a: cat, 0: dog}\n", "names by number, 0 to 1, in {}, got a, 0"),
        ("names:\n  0: cat\n  00: dog\n", "names by number, 0 to 1, in {}, got 0, 00"),
        ("names:\n  0: cat\n  0: dog\n", "YAML in {}, line 9, got: '0' twice"),
        (
            "names: [cat,\n  dog\n",
            "line 9, got: expected ',' or ']', but got '<stream end>' while parsing a flow sequence from line 7",
        ),
        ("names: [cat, [dog]]\n", "different names of classes in {}, got cat, ['dog']"),
        ("names: [cat, cat]\n", "different names of classes in {}, got cat, cat"),
        ("names: cat\n", "different names of classes in {}, got 'cat'"),
        ("names: |\n  cat\n  dog\n", r"different names of classes in {}, got 'cat\ndog\n'"),
        ("names: [cat]\ntest: ['']\n", "a folder, or a list, as test in {}, got ['']"),
        ("names: [cat]\ntest: {a: b}\n", "a folder, or a list, as test in {}, got {'a': 'b'}"),
        ("nc: 3\nnames: [cat, dog]\n", "3 names in {}, as nc says, got 2"),
        ("names: [\x01]\n", "YAML in {}, got: special characters are not allowed"),
    ],
)
def test_names_and_folders_that_can_be_read_two_ways_are_refused(tmp_path: Path, names: str, message: str):
    root = write_yolo(tmp_path, names)
    with pytest.raises(StreamdeqError) as error:
        open_dataset(str(root), "train")
    assert message.replace("{}", str(root / "data.yaml")) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("listed", ["[images/train, images/more]", "\n- images/train\n- ../images/more"])
def test_all_folders_of_a_split_are_opened(tmp_path: Path, listed: str):
    root = write_yolo(tmp_path)
    picture(root / "images/more/a.png")
    (root / "labels/more").mkdir(parents=True)
    (root / "labels/more/a.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    (root / "data.yaml").write_text(f"names: [cat, dog]\ntrain: {listed}\nval: images/val\n")
    clips = {clip.name: clip for clip in open_dataset(str(root), "train").clips}
    assert list(clips) == ["more/a.png", "train/a.png", "train/b.png"]
    assert clips["more/a.png"].target(0).xyxy.tolist() == [[8, 6, 24, 18]]
    assert [clip.name for clip in open_dataset(str(root), "val").clips] == ["a.png", "b.png"]
    (root / "images/more/a.png").unlink()
    (root / "images/more").rmdir()
    with pytest.raises(StreamdeqError, match=r"expected the folder .*images/more, train of .*data\.yaml, found none"):
        open_dataset(str(root), "train")


def test_data_check_knows_it(tmp_path: Path):
    report = check(write_yolo(tmp_path))
    assert (report.layout, report.unit) == ("YOLO boxes", "boxes")
    assert [one.share for one in report.classes] == [0, 1]


def test_roboflows_folders_are_read_from_the_folder_and_from_data_yaml(tmp_path: Path):
    for split in ("train", "valid", "test"):
        picture(tmp_path / split / "images/a_jpg.rf.0123.jpg")
        (tmp_path / split / "labels").mkdir()
        (tmp_path / split / "labels/a_jpg.rf.0123.txt").write_text("1 0.5 0.5 0.25 0.5\n0 0 0 0.5 0 0.5 0.5\n")
    (tmp_path / "data.yaml").write_text(
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\nnc: 2\nnames: ['cat', 'dog']\n\n"
        "roboflow:\n  workspace: pets\n  project: pets-1\n  version: 3\n  license: CC BY 4.0\n"
    )
    for given in (tmp_path, tmp_path / "data.yaml"):
        assert [(one.name, one.labelled) for one in check(given).splits] == [("train", 1), ("val", 1), ("test", 1)]
        target = open_dataset(str(given), "val").clips[0].target(0)
        assert target.xyxy.tolist() == [[12, 6, 20, 18], [0, 0, 16, 12]]
