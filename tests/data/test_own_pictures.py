"""A user's own pictures: splits, films, classes, and errors that name the file and what is wrong with it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.dataset_trees import SIZE_HW, random_picture, write, write_clips, write_own

from streamdeq.data.base import Dataset
from streamdeq.data.class_names import read_classes
from streamdeq.data.open import open_dataset
from streamdeq.data.readers.own_pictures import OwnPictures
from streamdeq.errors import StreamdeqError

FRAMES = [f"drive/{number:04d}" for number in range(6)]


def read(folder: Path, split: str) -> None:
    for clip, t in open_dataset(str(folder), split).samples:
        clip.target(t)


def told(folder: Path, split: str = "train") -> str:
    with pytest.raises(StreamdeqError) as error:
        read(folder, split)
    assert "\n" not in str(error.value)
    return str(error.value)


def names(dataset: Dataset) -> list[str]:
    return [clip.name for clip in dataset.clips]


def film(**changes: object) -> dict[str, object]:
    return {"name": "drive", "fps": 25, "frames": FRAMES, **changes}


def test_pictures_without_lists_or_subfolders_are_all_train(tmp_path: Path) -> None:
    data = open_dataset(str(write_own(tmp_path / "mine", ["b", "a", "sub/c"])), "train")
    assert names(data) == ["a", "b", "sub/c"]
    assert (data.name, data.task, data.classes) == ("mine", "segmentation", ("road", "car", "sky"))
    stored = np.array(Image.open(tmp_path / "mine/labels/a.png"))
    np.testing.assert_array_equal(data.clips[0].target(0), stored)
    assert data.clips[0].image(0).shape == (*SIZE_HW, 3)
    assert "unknown split 'val'" in told(tmp_path / "mine", "val")
    assert "val.txt" in told(tmp_path / "mine", "val")


def test_a_label_map_belongs_to_its_picture_as_that_is_seen(tmp_path: Path) -> None:
    root = write_own(tmp_path, ["a"])
    exif = Image.Exif()
    exif[0x0112] = 8  # to be shown turned a quarter anticlockwise
    lying = write(root / "labels/a.png", np.arange(np.prod(SIZE_HW), dtype=np.uint8).reshape(SIZE_HW) % 3)
    Image.fromarray(random_picture(root / "images/a.jpg")).save(root / "images/a.jpg", exif=exif)
    assert "to be as large as its picture" in told(root)
    upright = write(root / "labels/a.png", np.ascontiguousarray(np.rot90(lying)))
    np.testing.assert_array_equal(open_dataset(str(root), "train").clips[0].target(0), upright)
    Image.fromarray(lying).save(root / "labels/a.png", exif=exif)  # says the same of itself
    np.testing.assert_array_equal(open_dataset(str(root), "train").clips[0].target(0), upright)


def test_subfolders_are_splits(tmp_path: Path) -> None:
    root = write_own(tmp_path, ["train/a", "train/b", "val/c"])
    assert names(open_dataset(str(root), "train")) == ["train/a", "train/b"]
    assert names(open_dataset(str(root), "val")) == ["val/c"]


def test_lists_are_splits_with_or_without_suffix(tmp_path: Path) -> None:
    root = write_own(tmp_path, ["a", "b", "my frame 3", "d"])
    (root / "train.txt").write_text("my frame 3.jpg\n\na\n")
    (root / "val.txt").write_text("b\n")
    assert names(open_dataset(str(root), "train")) == ["a", "my frame 3"]
    assert names(open_dataset(str(root), "val")) == ["b"]
    assert OwnPictures().unused(root) == (
        "1 labels in no split or not wanted by their clip are not used, the first is d",
    )


def test_wrong_lines_of_a_list_are_told(tmp_path: Path) -> None:
    root = write_own(tmp_path, ["a", "b"], unlabelled=["c"])
    (root / "val.txt").write_text("b\n")
    for line, expected in (("x", "picture in images/ for 'x', line 2"), ("c", "label in labels/ for 'c', line 2")):
        (root / "train.txt").write_text(f"a\n{line}\n")
        assert expected in told(root)
    (root / "train.txt").write_text("a\nb\n")
    assert "'b' in one split" in told(root)


def test_a_clip_is_a_film_with_some_labelled_frames(tmp_path: Path) -> None:
    root = write_own(tmp_path, [FRAMES[2], FRAMES[5], "still"], unlabelled=[FRAMES[n] for n in (0, 1, 3, 4)])
    write_clips(root, film())
    drive, still = open_dataset(str(root), "train").clips
    assert (drive.name, len(drive), drive.fps, drive.labelled) == ("drive", 6, 25.0, (2, 5))
    assert (still.name, len(still)) == ("still", 1)
    assert drive.target(0) is None
    np.testing.assert_array_equal(drive.target(5), np.array(Image.open(root / f"labels/{FRAMES[5]}.png")))
    write_clips(root, film(labelled=[5], frames=[f"{frame}.jpg" for frame in FRAMES]))
    assert open_dataset(str(root), "train").clips[0].labelled == (5,)
    assert OwnPictures().unused(root)[0].endswith("the first is drive/0002")


def test_a_clip_is_in_the_split_of_its_labelled_frames(tmp_path: Path) -> None:
    root = write_own(tmp_path, [FRAMES[2], FRAMES[5], "still"], unlabelled=[FRAMES[n] for n in (0, 1, 3, 4)])
    write_clips(root, film())
    (root / "train.txt").write_text("still\n")
    (root / "val.txt").write_text(f"{FRAMES[2]}\n{FRAMES[5]}\n")
    assert names(open_dataset(str(root), "val")) == ["drive"]
    assert names(open_dataset(str(root), "train")) == ["still"]
    (root / "val.txt").write_text(f"{FRAMES[2]}\n")
    assert "'drive' in one split, its labelled frames are in none and val" in told(root)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("{", "expected JSON in line 1 of"),
        ([1], "got list"),
        ({"name": "x", "frames": FRAMES}, "keys name, fps, frames"),
        (film(speed=3), "got name, fps, frames, speed"),
        (film(fps=0), "a number above 0 as fps"),
        (film(fps="25"), "a number above 0 as fps"),
        (film(frames=[]), "a list of names as frames"),
        (film(frames=["drive/0009"]), "the frame 'drive/0009', line 1"),
        (film(labelled=[0]), "labels/drive/0000.png is missing"),
        (film(labelled=[6]), "it has 6 frames"),
        (film(labelled=[True]), "a list of whole numbers as labelled"),
    ],
)
def test_wrong_lines_of_clips_are_told(tmp_path: Path, line: object, expected: str) -> None:
    root = write_own(tmp_path, [FRAMES[2]], unlabelled=[FRAMES[n] for n in (0, 1, 3, 4, 5)])
    write_clips(root, line)
    if isinstance(line, str):
        (root / "clips.jsonl").write_text(line)
    assert expected in told(root)


def test_clips_share_neither_name_nor_labelled_frame(tmp_path: Path) -> None:
    root = write_own(tmp_path, FRAMES)
    write_clips(root, film(labelled=[0]), film(labelled=[1]))
    assert "clip names once" in told(root)
    write_clips(root, film(), film(name="other", labelled=[1]))
    assert "labelled frames once" in told(root)


def test_a_label_out_of_range_is_told_with_file_and_value(tmp_path: Path) -> None:
    root = write_own(tmp_path, ["a"])
    write(root / "labels/a.png", np.full(SIZE_HW, 3, np.uint8))
    text = told(root)
    assert f"class indices 0..2 or 255 (ignored) in {root / 'labels/a.png'}, got 3 at row 0, column 0" in text


def test_label_files_that_do_not_fit_are_told(tmp_path: Path) -> None:
    root = write_own(tmp_path, ["a", "b"])
    write(root / "labels/a.png", np.zeros((4, 4), np.uint8))
    assert "32x16, got 4x4" in told(root)
    write(root / "labels/a.png", np.zeros((*SIZE_HW, 3), np.uint8))
    assert "8-bit grey or palette" in told(root)
    (root / "labels/a.png").write_bytes(b"no picture")
    assert f"expected a picture in {root / 'labels/a.png'}" in told(root)
    (root / "labels/a.png").unlink()
    random_picture(root / "labels/a.jpg")
    assert "expected .png files" in told(root)
    (root / "labels/a.jpg").rename(root / "labels/a_mask.png")
    assert "images/a_mask.* for the label" in told(root)


def test_two_pictures_of_one_name_are_told(tmp_path: Path) -> None:
    root = write_own(tmp_path, ["a"])
    random_picture(root / "images/a.png")
    assert "one picture per name" in told(root)


def test_pictures_without_a_label_are_no_samples(tmp_path: Path) -> None:
    root = write_own(tmp_path, ["a"], unlabelled=["b"])
    assert names(open_dataset(str(root), "train")) == ["a"]
    assert OwnPictures().unused(root) == ("1 pictures without label and in no clip are not used, the first is b",)


def test_classes_are_read_from_text_with_and_without_colours(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_bytes(b"\xef\xbb\xbfroad 128 64 128\r\ntraffic sign, 220, 220, 0\r\nlane 2\r\n\r\n")
    classes = read_classes(path)
    assert classes.names == ("road", "traffic sign", "lane 2")
    assert classes.palette[:2] == ((128, 64, 128), (220, 220, 0))
    path.write_text("\n".join(f"class {number}" for number in range(40)))
    assert len(set(read_classes(path).palette)) == 40


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("name,r,g,b\nroad,0,0,0\ncar,1,1,1\n", ("road", "car")),  # CamVid's class_dict.csv
        ("__ignore__\n_background_\ncar\n", ("_background_", "car")),  # labelme's labels.txt
        ("0 road\n1: car 3 4 5\n", ("road", "car")),
        ("1 road\n2 car\n", ("1 road", "2 car")),  # these may be values
        ("0 road\ncar\n", ("0 road", "car")),
        ("name\n__ignore__\n", ("name", "__ignore__")),
    ],
)
def test_what_tools_write_around_the_names_of_classes_is_no_class(
    tmp_path: Path, text: str, names: tuple[str, ...]
) -> None:
    (tmp_path / "classes.txt").write_text(text)
    assert read_classes(tmp_path / "classes.txt").names == names


def test_classes_are_read_from_json(tmp_path: Path) -> None:
    path = tmp_path / "classes.json"
    path.write_text('["road", {"name": "car", "color": [1, 2, 3]}]')
    classes = read_classes(path)
    assert classes.names == ("road", "car")
    assert classes.palette[1] == (1, 2, 3)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("classes.txt", "road\n\ncar\n", "a class in line 2"),
        ("classes.txt", "name,r,g,b\nroad\n\ncar\n", "a class in line 3"),
        ("classes.txt", "road 1 2 256\n", "three whole numbers 0..255 in line 1"),
        ("classes.txt", "road\ncar\nroad\n", "'road' twice"),
        ("classes.txt", "", "1 to 255 classes"),
        ("classes.json", "{", "expected JSON"),
        ("classes.json", '{"road": 0}', "a list of classes"),
        ("classes.json", "[7]", "entry 0"),
        ("classes.json", '[{"name": "car", "color": [1, 2]}]', "three whole numbers"),
    ],
)
def test_wrong_classes_are_told(tmp_path: Path, name: str, text: str, expected: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(StreamdeqError, match=expected) as error:
        read_classes(tmp_path / name)
    assert str(tmp_path / name) in str(error.value)
