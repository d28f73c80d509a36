"""The sets of the wider models, made from small sources in the structure of the real ones."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from streamdeq.data.open import open_dataset
from streamdeq.data.prepare import coco128, fingerprint, idd_lite, imagenet_parts, lspet, penn_fudan
from streamdeq.data.prepare.lspet_crops import VAL


def made(module, source: Path, out: Path) -> Path:
    out.mkdir()
    module.prepare([source], out, out)
    return out


def picture(path: Path, seed: int, size_hw: tuple[int, int] = (24, 32)) -> Path:
    """Smooth, as photographs are: random blocks, enlarged."""
    path.parent.mkdir(parents=True, exist_ok=True)
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    Image.fromarray(blocks).resize(size_hw[::-1], Image.Resampling.BICUBIC).save(path)
    return path


def test_a_picture_looks_like_itself_scaled_and_compressed_anew_and_not_like_others(tmp_path: Path):
    first = picture(tmp_path / "a.png", 1, (90, 120))
    with Image.open(first) as image:
        image.resize((60, 44)).save(tmp_path / "b.jpg", quality=60)
    others = [picture(tmp_path / f"{seed}.png", seed) for seed in range(2, 12)]
    assert fingerprint.near([tmp_path / "b.jpg", *others], [first]) == [True] + [False] * 10
    assert fingerprint.near([first], []) == [False]


def test_of_people_in_sport_what_is_held_out_and_what_looks_like_it_is_left_out(tmp_path: Path):
    held = min(VAL)
    joints = np.zeros((14, 3, held + 2))
    joints[:, :2], joints[:, 2] = np.arange(28).reshape(14, 2, 1) / 4, 1
    joints[5, :, 0] = -3, -4, 0
    savemat(tmp_path / "joints.mat", {"joints": joints})
    for number in range(1, held + 3):
        picture(tmp_path / f"images/im{number:05}.jpg", held if number == held + 1 else number)
    out = made(lspet, tmp_path, tmp_path / "lspet")
    assert [path.name for path in sorted((out / "images").iterdir())] == [
        *(f"im{number:05}.jpg" for number in range(1, held)), f"im{held + 2:05}.jpg"
    ]  # fmt: skip
    left_out = json.loads((out / "keypoints.json").read_text())["left_out"]
    assert left_out == {"held out": 1, "looks like one of these": 1}
    target = open_dataset(str(out), "train").clips[0].target(0)
    assert target.visible[0].tolist() == [True] * 5 + [False] + [True] * 8
    assert target.xy[0, 13].tolist() == [6.5, 6.75]


@pytest.mark.parametrize("tiny", [True, False])
def test_parts_of_imagenet_are_folders_of_classes(tmp_path: Path, tiny: bool):
    source = tmp_path / "source"
    if tiny:
        root = source / imagenet_parts.TINY
        for wnid in ("n01", "n02"):
            picture(root / f"train/{wnid}/images/{wnid}_0.JPEG", 1)
        shown = ("n02", "n01", "n02")
        for number in range(len(shown)):
            picture(root / f"val/images/val_{number}.JPEG", number)
        lines = [f"val_{number}.JPEG\t{wnid}\t0\t0\t9\t9\n" for number, wnid in enumerate(shown)]
        (root / "val/val_annotations.txt").write_text("".join(lines))
    else:
        for name in ("train/n01/a", "train/n02/b", "val/n01/c", "val/n02/d", "val/n02/e"):
            picture(source / f"{name}.JPEG", 1)
    out = made(imagenet_parts, source, tmp_path / "out")
    val = open_dataset(str(out), "val")
    assert val.classes == ("n01", "n02")
    assert [clip.target(0) for clip in val.clips] == [0, 1, 1]
    assert len(open_dataset(str(out), "train").clips) == 2


def test_indian_streets_keep_their_split_and_frames_without_labels(tmp_path: Path):
    root = tmp_path / "source/idd20k_lite"
    for split, drive, name in (("train", "0", "024541"), ("val", "7", "1"), ("test", "9", "2")):
        picture(root / f"leftImg8bit/{split}/{drive}/{name}_image.jpg", 1)
        if split != "test":
            label = root / f"gtFine/{split}/{drive}/{name}_label.png"
            label.parent.mkdir(parents=True)
            Image.fromarray(np.full((24, 32), 6, np.uint8)).save(label)
    out = made(idd_lite, tmp_path / "source", tmp_path / "idd")
    val = open_dataset(str(out), "val")
    assert val.classes == idd_lite.CLASSES
    assert (val.clips[0].target(0) == 6).all()
    assert (out / "images/test/9/2.jpg").is_file()
    assert not (out / "labels/test").exists()


def test_boxes_of_coco_are_in_pixels_and_of_seven_classes(tmp_path: Path):
    picture(tmp_path / "images/train2017/000000000009.jpg", 1, (100, 200))
    picture(tmp_path / "images/val2017/1.jpg", 1)  # with nothing in it
    labels = tmp_path / "object_detection/labels/train2017/000000000009.txt"
    labels.parent.mkdir(parents=True)
    labels.write_text("0 0.5 0.5 0.2 0.4\n45 0.5 0.5 0.1 0.1\n16 0.1 0.2 0.2 0.2\n")
    test = open_dataset(str(made(coco128, tmp_path, tmp_path / "coco128")), "test")
    assert test.classes == ("person", "bicycle", "car", "motorcycle", "bus", "truck", "dog")
    first, second = (clip.target(0) for clip in test.clips)
    assert (first.xyxy.tolist(), first.labels.tolist()) == ([[80, 30, 120, 70], [0, 10, 40, 30]], [0, 6])
    assert len(second) == 0


def test_boxes_of_penn_fudan_count_from_one_and_hold_their_last_pixel(tmp_path: Path):
    root = tmp_path / "data/PennFudanPed"
    picture(root / "PNGImages/FudanPed00001.png", 1, (50, 60))
    (root / "Annotation").mkdir()
    (root / "Annotation/FudanPed00001.txt").write_text(
        "Image size (X x Y x C) : 60 x 50 x 3\n"
        'Bounding box for object 1 "P" (Xmin, Ymin) - (Xmax, Ymax) : (1, 11) - (20, 50)\n'
        'Bounding box for object 2 "P" (Xmin, Ymin) - (Xmax, Ymax) : (31, 2) - (60, 40)\n'
    )
    [clip] = open_dataset(str(made(penn_fudan, tmp_path, tmp_path / "out")), "test").clips
    assert clip.target(0).xyxy.tolist() == [[0, 10, 20, 50], [30, 1, 60, 40]]
