"""One folder per class: indices by name, the same ones in every split."""

from pathlib import Path

import pytest
from support.dataset_trees import SIZE_HW, write_class_folders

from streamdeq.data.cache import cached
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError

COUNTS = {"train": {"n02": 2, "n01": 3, "n10": 1}, "val": {"n10": 2, "n01": 1}}


def told(folder: Path, split: str) -> str:
    with pytest.raises(StreamdeqError) as error:
        open_dataset(str(folder), split)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_targets_are_the_places_of_the_class_names_in_order(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path / "birds", COUNTS)
    train = open_dataset(str(root), "train")
    assert (train.name, train.task, train.classes) == ("birds", "classification", ("n01", "n02", "n10"))
    assert [clip.target(t) for clip, t in train.samples] == [0, 0, 0, 1, 1, 2]
    assert train.clips[0].image(0).shape == (*SIZE_HW, 3)
    assert len(set(train.palette)) == 3


def test_indices_are_those_of_train_in_every_split(tmp_path: Path) -> None:
    val = open_dataset(str(write_class_folders(tmp_path, COUNTS)), "val")
    assert val.classes == ("n01", "n02", "n10")
    assert [clip.target(0) for clip in val.clips] == [0, 2, 2]


def test_targets_that_are_numbers_pass_through_the_cache(tmp_path: Path) -> None:
    data = cached(open_dataset(str(write_class_folders(tmp_path, COUNTS)), "train"), 1 << 20)
    assert [clip.target(0) for clip in data.clips for _ in range(2)][::2] == [0, 0, 0, 1, 1, 2]


def test_what_does_not_fit_is_told(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path, COUNTS)
    assert "unknown split 'test'" in told(root, "test")
    write_class_folders(root, {"val": {"n99": 1}})
    assert "got also 'n99'" in told(root, "val")
    (root / "train" / "empty").mkdir()
    assert "pictures of class 'empty'" in told(root, "train")


def test_a_split_of_loose_pictures_is_told_with_how_to_sort_them(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path, {"train": {"n01": 1}})
    (root / "val").mkdir()
    (root / "train/n01/n01_0.JPEG").rename(root / "val/ILSVRC2012_val_00000001.JPEG")
    write_class_folders(root, {"train": {"n01": 1}})
    text = told(root, "val")
    assert "one folder per class" in text
    assert "val/WNID/" in text


def test_pictures_and_labels_of_another_layout_are_no_classes(tmp_path: Path) -> None:
    write_class_folders(tmp_path, {"train": {"images": 1, "labels": 1}})
    assert "is no data set that is known" in told(tmp_path, "train")


def test_valid_is_val(tmp_path: Path) -> None:
    root = write_class_folders(tmp_path, {"train": {"n01": 1, "n02": 1}, "valid": {"n02": 2}})
    assert [clip.target(0) for clip in open_dataset(str(root), "val").clips] == [1, 1]
