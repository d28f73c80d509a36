"""CamVid on small generated trees of both layouts, its errors, and (shared) the real one."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.camvid_trees import NAMES, TRAIN, picture, write_listed_tree, write_tutorial_tree

from streamdeq.data.base import Dataset
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_listed_tree(tmp_path_factory.mktemp("listed"))


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tutorial_tree(tmp_path_factory.mktemp("tutorial"))


@pytest.fixture
def broken(listed: Path, tmp_path: Path) -> Path:
    """A copy to break."""
    return Path(shutil.copytree(listed, tmp_path / "camvid"))


def names(dataset: Dataset) -> list[str]:
    return [clip.name for clip in dataset.clips]


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_both_layouts_hold_the_same_clips_and_labels(listed: Path, tutorial: Path, split: str) -> None:
    a, b = open_dataset(str(listed), split), open_dataset(str(tutorial), split)
    assert names(a) == names(b)
    assert len(a.samples) == len(b.samples) == len(NAMES[split])
    for (clip_a, t), (clip_b, u) in zip(a.samples, b.samples, strict=True):
        np.testing.assert_array_equal(clip_a.target(t), clip_b.target(u))


def test_the_tutorial_layout_is_found_in_its_inner_folder_too(tutorial: Path) -> None:
    assert names(open_dataset(str(tutorial / "CamVid"), "val")) == names(open_dataset(str(tutorial), "val"))


def test_pictures_come_as_rgb_and_void_as_ignored(tutorial: Path) -> None:
    dataset = open_dataset(str(tutorial), "test")
    image, stored = picture(NAMES["test"][0], (24, 32))
    np.testing.assert_array_equal(dataset.clips[0].image(0), image)
    target = dataset.clips[0].target(0)
    np.testing.assert_array_equal(target, np.where(stored == 11, 255, stored))
    assert target.dtype == np.uint8


def test_frames_two_numbers_apart_are_one_clip_and_slides_a_second_apart_are_not(listed: Path) -> None:
    (val,) = open_dataset(str(listed), "val").clips
    assert (val.name, len(val), val.fps) == ("0016E5_07959-07977", 10, 15.0)
    assert val.labelled == tuple(range(10))
    train = open_dataset(str(listed), "train")
    assert names(train) == TRAIN
    assert {len(clip) for clip in train.clips} == {1}


def test_a_clip_ends_where_a_frame_is_missing(broken: Path) -> None:
    lines = (broken / "val.txt").read_text().splitlines()
    (broken / "val.txt").write_text("\n".join(lines[:4] + lines[5:]))
    assert [len(clip) for clip in open_dataset(str(broken), "val").clips] == [4, 5]


def test_fit_and_holdout_divide_the_training_split(listed: Path) -> None:
    fit, holdout, train = (names(open_dataset(str(listed), s)) for s in ("train-fit", "train-holdout", "train"))
    assert sorted(fit + holdout) == sorted(train)
    assert holdout == TRAIN[-40:]


def test_a_frame_outside_of_its_clip_is_an_index_error(listed: Path) -> None:
    clip = open_dataset(str(listed), "val").clips[0]
    for t in (-1, 10):
        with pytest.raises(IndexError, match="which has 10 frames"):
            clip.image(t)


def spoil_missing_image(root: Path) -> None:
    (root / "images/val/0016E5_07961.jpg").unlink()


def spoil_missing_list(root: Path) -> None:
    (root / "val.txt").unlink()


def spoil_empty_list(root: Path) -> None:
    (root / "val.txt").write_text("\n")


def spoil_third_column(root: Path) -> None:
    (root / "val.txt").write_text("images/val/a.jpg labels/val/a.png 3\n")


def spoil_name(root: Path) -> None:
    for file in ("images/val/a.jpg", "labels/val/a.png"):
        (root / file).touch()
    (root / "val.txt").write_text("images/val/a.jpg labels/val/a.png\n")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_missing_image, "expected the file .*0016E5_07961.jpg, which is missing"),
        (spoil_missing_list, "expected the list .*val.txt, which is missing"),
        (spoil_empty_list, "expected frames of split 'val'"),
        (spoil_third_column, "expected `image label` in line 1"),
        (spoil_name, "expected a CamVid name such as 0016E5_07959, got a.jpg"),
    ],
)
def test_a_broken_tree_is_told_in_one_line(broken: Path, spoil, message: str) -> None:
    spoil(broken)
    with pytest.raises(StreamdeqError, match=message) as error:
        open_dataset(str(broken), "val")
    assert "\n" not in str(error.value)


def test_broken_pictures_and_labels_are_told_when_they_are_read(broken: Path) -> None:
    clip = open_dataset(str(broken), "val").clips[0]
    image, label = broken / "images/val/0016E5_07959.jpg", broken / "labels/val/0016E5_07959.png"
    image.write_bytes(image.read_bytes()[:300])
    with pytest.raises(StreamdeqError, match=r"expected a picture in .*07959\.jpg"):
        clip.image(0)
    label.write_text("no picture")
    with pytest.raises(StreamdeqError, match=r"expected a picture in .*07959\.png"):
        clip.target(0)
    Image.fromarray(np.full((24, 32), 12, np.uint8)).save(label)
    with pytest.raises(StreamdeqError, match=r"expected class indices 0\.\.10 or 11 \(void\) .* got 12"):
        clip.target(0)
    Image.fromarray(np.zeros((24, 32, 3), np.uint8)).save(label)
    with pytest.raises(StreamdeqError, match="expected an 8-bit grey or palette picture of class indices"):
        clip.target(0)


def test_a_split_that_cannot_be_divided_says_what_is_missing(broken: Path) -> None:
    lines = (broken / "train.txt").read_text().splitlines()
    (broken / "train.txt").write_text("\n".join(lines[:20]))
    with pytest.raises(StreamdeqError, match="expected more than 40 training frames of drive 0006R0"):
        open_dataset(str(broken), "train-fit")


@pytest.mark.shared
def test_the_real_camvid_has_the_published_counts_and_values(shared_dir: Path) -> None:
    folder = str(shared_dir / "data" / "camvid")
    splits = ("train", "val", "test", "train-fit", "train-holdout")
    assert [len(open_dataset(folder, split).samples) for split in splits] == [367, 101, 233, 327, 40]
    (val,) = open_dataset(folder, "val").clips
    assert (val.name, len(val), val.fps) == ("0016E5_07959-08159", 101, 15.0)
    assert {len(clip) for split in ("train", "test") for clip in open_dataset(folder, split).clips} == {1}
    assert val.image(50).shape == (360, 480, 3)


@pytest.mark.shared
def test_the_real_labels_have_the_shares_their_description_gives(shared_dir: Path) -> None:
    seen = np.zeros(256, np.int64)
    for split in ("train", "val", "test"):
        for clip, t in open_dataset(str(shared_dir / "data" / "camvid"), split).samples:
            seen += np.bincount(clip.target(t).ravel(), minlength=256)
    percent = 100 * seen / seen.sum()
    described = [15.8, 24.1, 1.0, 29.3, 6.7, 11.2, 1.1, 1.4, 4.6, 0.6, 0.5]
    np.testing.assert_allclose(percent[[*range(11), 255]], [*described, 3.6], atol=0.06)
    assert percent[11:255].sum() == 0
