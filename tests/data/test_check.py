"""`streamdeq data check`: what a folder is, what it lacks, what is wrong in it, and how it ends."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.camvid_trees import write_listed_tree
from support.dataset_trees import (
    SIZE_HW,
    random_picture,
    write,
    write_cityscapes,
    write_cityscapes_labels,
    write_class_folders,
    write_clips,
    write_own,
)

from streamdeq.cli.main import COMMANDS, build, guarded
from streamdeq.data.check import SplitReport, check


def run(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    code = guarded(build(COMMANDS), ["data", *map(str, arguments)])
    out, err = capsys.readouterr()
    return code, out, err


def test_cityscapes_is_told_with_its_splits_and_what_it_lacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_cityscapes_labels(write_cityscapes(tmp_path))
    write_cityscapes(root, "leftImg8bit_sequence", range(-19, 11), splits=("val",))
    shutil.rmtree(root / "leftImg8bit/test")
    shutil.rmtree(root / "gtFine/test")
    code, out, err = run(capsys, "check", root, "--quiet")
    assert (code, err) == (0, "")
    assert "Cityscapes, segmentation, 19 classes" in out
    assert "non-commercial" in out
    lines = [line.split() for line in out.splitlines()]
    assert ["train", "3", "3", "3", "0"] in lines
    assert ["val", "3", "83", "3", "12…19"] in lines
    assert "no split 'test'" in out
    assert "train: 3 of 2975 labelled frames" in out
    assert "https://www.cityscapes-dataset.com" in out
    assert "no films" not in out


def test_shares_are_of_the_labelled_pixels_of_the_sample(tmp_path: Path) -> None:
    root = write_own(tmp_path, ["a", "b"])
    labels = np.zeros((2, *SIZE_HW), np.uint8)
    labels[0, :8], labels[1, :4] = 2, 255
    for key, label in zip("ab", labels, strict=True):
        write(root / f"labels/{key}.png", label)
    report = check(root)
    assert [one.name for one in report.classes] == ["road", "car", "sky"]
    assert [one.share for one in report.classes] == pytest.approx([20 / 28, 0, 8 / 28])
    assert report.ignored == pytest.approx(4 / 32)
    assert report.sampled == 2
    assert check(root, sample=1).sampled == 1
    assert check(root, sample=0).sampled == 0


def test_films_and_what_is_not_used_are_told(tmp_path: Path) -> None:
    root = write_own(tmp_path, ["f/2"], unlabelled=["f/0", "f/1", "lost"])
    assert "no films" in " ".join(check(root).missing)
    write_clips(root, {"name": "f", "fps": 10, "frames": ["f/0", "f/1", "f/2"]})
    report = check(root)
    assert report.splits == (SplitReport("train", 1, 3, 1, (2, 2)),)
    assert report.missing == (
        "no split 'val'",
        "no split 'test'",
        "1 pictures without label and in no clip are not used, the first is lost",
    )


def test_every_broken_file_of_the_sample_is_told_and_the_end_is_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_own(tmp_path, ["train/a", "train/b", "val/c"])
    write(root / "labels/train/b.png", np.full(SIZE_HW, 9, np.uint8))
    (root / "images/val/c.jpg").write_bytes(b"no picture")
    code, out, err = run(capsys, "check", root, "--quiet")
    assert code == 2
    assert "got 9 at row 0" in out
    assert "images/val/c.jpg" in out
    assert err == f"streamdeq: 2 problems in {root}, listed above; correct the files\n"


def test_a_split_that_cannot_be_opened_is_a_problem_and_the_others_are_told(tmp_path: Path) -> None:
    root = write_listed_tree(tmp_path)
    (root / "labels/val/0016E5_07959.png").unlink()
    report = check(root, sample=2)
    assert [split.name for split in report.splits] == ["train", "train-fit", "train-holdout", "test"]
    assert len(report.problems) == 1
    assert "0016E5_07959.png" in report.problems[0]


def test_what_a_whole_split_lacks_is_told_once_and_not_of_its_parts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_cityscapes(tmp_path)
    code, out, _ = run(capsys, "check", root, "--quiet")
    assert code == 2
    problems = [line for line in out.splitlines() if line.startswith("    problem: ")]
    assert [line.partition(" of '")[2].partition("'")[0] for line in problems] == ["train", "val"]
    assert out.count("https://www.cityscapes-dataset.com") == 1
    assert out.splitlines()[-1].startswith("    how to get it: ")


def test_class_folders_are_told_with_the_share_of_their_pictures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_class_folders(tmp_path, {"train": {"cat": 3, "dog": 1}, "val": {"dog": 1}})
    code, out, _ = run(capsys, "check", root, "-q")
    assert code == 0
    assert "classification, 2 classes" in out
    assert "75.0%" in out
    assert "ignored" not in out


@pytest.mark.parametrize("what", ["nothing", "nowhere", "labels alone"])
def test_what_is_no_data_set_ends_with_2_and_at_most_three_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    folder = tmp_path / what
    if what != "nowhere":
        folder.mkdir()
    if what == "labels alone":
        write_cityscapes_labels(folder)
    code, out, err = run(capsys, "check", folder)
    assert (code, out) == (2, "")
    assert err.count("\n") <= 3
    assert str(folder) in err.splitlines()[0]


def test_a_folder_of_another_kind_is_told_what_it_looks_like_what_it_lacks_and_where_to_read_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def lines(folder: Path) -> list[str]:
        code, _, err = run(capsys, "check", folder)
        assert code == 2
        assert [len(line) < 400 for line in err.splitlines()] == [True] * 3
        return err.splitlines()

    pictures = tmp_path / "pictures"
    for k in range(3):
        random_picture(pictures / f"{k}.jpg")
    looks, missing, link = lines(pictures)
    assert looks.endswith("is no data set that is known: 3 .jpg, the first is 0.jpg")
    assert missing.startswith("    missing: labels: a class per pixel")
    assert "docs/data.md" in link
    for k in range(2):
        (pictures / f"{k}.txt").write_text("0 0.5 0.5 0.1 0.1")
    assert "data.yaml, if these are YOLO's labels" in lines(pictures)[1]
    nested = tmp_path / "nested"
    write_own(nested / "inner/set", ["a"])
    assert f"{nested / 'inner/set'} is a data set, give that" in lines(nested)[1]
    (tmp_path / "set.zip").write_bytes(b"PK")
    assert "unpack it" in lines(tmp_path / "set.zip")[1]
    (tmp_path / "empty").mkdir()
    assert lines(tmp_path / "empty")[0].endswith("it is empty")


def test_masks_of_several_values_without_a_list_lack_the_list_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = write_own(tmp_path, ["a"])
    (root / "classes.txt").unlink()
    (root / "labels").rename(root / "masks")
    assert run(capsys, "check", root)[2].splitlines()[1].startswith("    missing: classes.txt or classes.json (a class")


def test_all_formats_are_listed_in_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "formats")
    assert (code, err) == (0, "")
    titles = [line.partition(":")[0] for line in out.splitlines()]
    assert {"own pictures", "YOLO boxes", "COCO masks", "CVAT export, for pose", "class folders"} <= set(titles)


@pytest.mark.parametrize(
    ("removed", "lacks"),
    [
        ("classes.txt", "classes.txt or classes.json (a class per line, the first is index 0)"),
        ("images", "images/"),
        ("labels", "labels/"),
    ],
)
def test_ones_own_pictures_are_told_what_they_lack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], removed: str, lacks: str
) -> None:
    root = write_own(tmp_path, ["a"])
    shutil.rmtree(root / removed) if (root / removed).is_dir() else (root / removed).unlink()
    code, out, err = run(capsys, "check", root)
    assert (code, out) == (2, "")
    first, second, third = err.splitlines()
    assert first.startswith(f"streamdeq: {root} looks like own pictures: ")
    assert (second, third.partition(":")[0]) == (f"    missing: {lacks}", "    layouts")


def test_a_picture_that_is_gone_is_told_by_its_name_once(tmp_path: Path) -> None:
    root = write_own(tmp_path, ["a", "b"])
    (root / "images/a.jpg").unlink()
    (root / "images/a.jpg").symlink_to(tmp_path / "nowhere.jpg")
    wanted = f"expected a picture in {root / 'images/a.jpg'}, got: No such file or directory; replace it"
    assert check(root).problems == (wanted,)


def test_an_unknown_action_lists_the_choices(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run(capsys, "chekc", tmp_path)
    assert code == 2
    assert "choices: check, convert, formats" in err
