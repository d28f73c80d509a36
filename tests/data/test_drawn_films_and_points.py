"""Films with labels beside them, by frame number, and key points, as labelling tools export them."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.box_trees import picture
from support.export_trees import (
    cvat_images,
    cvat_video,
    label_studio,
    labelme,
    labelme_shape,
    studio_result,
    track,
    track_box,
    yolo_polygons,
)  # fmt: skip

from streamdeq.data.check import check
from streamdeq.data.labels import open_labelled
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Frame
from streamdeq.video import VideoSink


def film(path: Path, frames: int = 6) -> Path:
    """Frame t is grey of level 30 t, 32x24."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoSink(path, 10) as sink:
        for t in range(frames):
            sink.write(Frame(np.full((24, 32, 3), 30 * t, np.uint8), t, t / 10, t, Fraction(1, 10)))
    return path


# -- films -------------------------------------------------------------------------------------------------

TRACKS = track(
    3, "cat", *(track_box(t, (2 * t, 4, 2 * t + 8, 12)) for t in (0, 1)), track_box(2, (4, 4, 12, 12), outside=1)
)


def test_tracks_of_cvat_are_found_in_the_film_beside_them(tmp_path: Path) -> None:
    root = cvat_video(tmp_path / "walk", TRACKS)
    film(root / "walk.mp4")
    dataset = open_labelled(str(root), "train")
    [clip] = dataset.clips
    assert (dataset.task, dataset.classes, clip.name, clip.fps) == ("detection", ("dog", "cat"), "walk", 10)
    assert clip.labelled == (0, 1, 2, 3)
    assert [clip.target(t).xyxy.tolist() for t in range(4)] == [[[0, 4, 8, 12]], [[2, 4, 10, 12]], [], []]
    assert clip.target(1).instances.tolist() == [3]
    assert [round(clip.image(t).mean() / 30) for t in range(4)] == [0, 1, 2, 3]
    assert check(root).problems == ()


def test_tracks_of_cvat_are_found_in_its_own_pictures(tmp_path: Path) -> None:
    root = cvat_video(tmp_path / "walk", TRACKS)
    for t in range(4):
        picture(root / f"images/frame_{t:06d}.PNG", t)
    [clip] = open_labelled(str(root), "train").clips
    assert (clip.name, len(clip), clip.place(2)) == ("walk.mp4", 4, (root / "images/frame_000002.PNG", None))
    assert [len(clip.target(t)) for t in range(4)] == [1, 1, 0, 0]


def test_every_second_frame_of_a_film_is_a_clip_of_half_the_rate(tmp_path: Path) -> None:
    root = cvat_video(tmp_path, track(3, "cat", track_box(0, (0, 4, 8, 12)), track_box(2, (4, 4, 9, 12))), 4, "step=2")
    for t in (0, 2):
        picture(root / f"images/frame_{t:06d}.PNG", t)
    [clip] = open_labelled(str(root), "train").clips
    assert (clip.fps, clip.labelled) == (12.5, (0, 1))


def test_a_film_that_is_not_there_is_told(tmp_path: Path) -> None:
    root = cvat_video(tmp_path, TRACKS)
    with pytest.raises(StreamdeqError, match=r"expected the picture 'walk.mp4', the source of .*annotations.xml"):
        open_dataset(str(root), "train")


def test_a_film_in_a_yolo_folder_has_a_file_per_labelled_frame_counted_from_1(tmp_path: Path) -> None:
    root = yolo_polygons(tmp_path)
    film(root / "images/train/walk.mp4")
    (root / "labels/train/walk_2.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    (root / "labels/train/walk_4.txt").write_text("")
    still, clip = open_labelled(str(root), "train", "detection").clips
    assert (still.name, clip.name, clip.fps, len(clip), clip.labelled) == ("a.png", "walk.mp4", 10, 4, (1, 3))
    assert clip.target(1).xyxy.tolist() == [[12, 6, 20, 18]]
    assert (len(clip.target(3)), clip.target(0), round(clip.image(1).mean() / 30)) == (0, None, 1)
    (root / "labels/train/walk_2.txt").write_text("0 0.25 0.25 0.75 0.25 0.75 0.75 0.25 0.75\n")
    clip = open_labelled(str(root), "train", "segmentation").clips[1]
    wanted = np.zeros((24, 32), np.uint8)
    wanted[6:18, 8:24] = 1
    np.testing.assert_array_equal(clip.target(1), wanted)


# -- key points --------------------------------------------------------------------------------------------


def cvat_skeleton(root: Path) -> Path:
    meta = (
        "<label><name>bird</name><type>skeleton</type></label><label><name>nose</name><parent>bird</parent></label>"
        "<label><name>left_eye</name><parent>bird</parent></label><label><name>right_eye</name><parent>bird</parent></label>"
    )
    points = (
        '<points label="nose" outside="0" occluded="0" points="4.00,6.00"></points>'
        '<points label="left_eye" outside="0" occluded="1" points="6.00,5.00"></points>'
        '<points label="right_eye" outside="1" occluded="0" points="6.00,7.00"></points>'
    )
    return cvat_images(root, f'<skeleton label="bird" z_order="0">{points}</skeleton>', meta=meta)


def cvat_points(root: Path) -> Path:
    def point(name: str, at: str) -> str:
        return f'<points label="{name}" points="{at}" group_id="2"></points>'

    meta = "".join(
        f"<label><name>{name}</name><type>points</type></label>" for name in ("nose", "left_eye", "right_eye")
    )
    return cvat_images(root, point("nose", "4,6") + point("left_eye", "6,5"), meta=meta)


def labelme_points(root: Path) -> Path:
    shapes = [
        labelme_shape("nose", "point", [[4, 6]], group_id=1),
        labelme_shape("left_eye", "point", [[6, 5]], group_id=1),
    ]
    return labelme(root, shapes)


def studio_points(root: Path) -> Path:
    return label_studio(root, [
        studio_result("keypointlabels", "nose", x=12.5, y=25.0, width=0.5),
        studio_result("keypointlabels", "left_eye", x=18.75, y=100 * 5 / 24, width=0.5),
    ])  # fmt: skip


def yolo_points(root: Path) -> Path:
    picture(root / "images/train/a.png")
    (root / "labels/train").mkdir(parents=True)
    values = [0.25, 0.25, 0.25, 0.25, 4 / 32, 6 / 24, 2, 6 / 32, 5 / 24, 1, 0, 0, 0]
    (root / "labels/train/a.txt").write_text("0 " + " ".join(map(str, values)) + "\n")
    settings = "train: images/train\nnames: [bird]\nkpt_shape: [3, 3]\nflip_idx: [0, 2, 1]\n"
    (root / "data.yaml").write_text(settings + "kpt_names:\n  0: [nose, left_eye, right_eye]\n")
    return root


POINTS: dict[str, Callable[[Path], Path]] = {
    "cvat skeleton": cvat_skeleton,
    "cvat points": cvat_points,
    "labelme": labelme_points,
    "label studio": studio_points,
    "yolo": yolo_points,
}


@pytest.mark.parametrize("tool", POINTS)
def test_points_are_found_by_name_and_the_task_is_told_by_them(tmp_path: Path, tool: str) -> None:
    dataset = open_labelled(str(POINTS[tool](tmp_path)), "train")
    assert (dataset.task, dataset.classes[:2]) == ("pose", ("nose", "left_eye"))
    target = dataset.clips[0].target(0)
    np.testing.assert_allclose(target.xy[0, :2], [[4, 6], [6, 5]], atol=1e-4)
    assert target.visible[0].tolist() == [True, True, False][: len(dataset.classes)]
    assert check(tmp_path).problems == ()


def test_a_rectangle_of_the_same_group_is_the_box_of_an_instance(tmp_path: Path) -> None:
    shapes = [
        labelme_shape("bird", "rectangle", [[2, 3], [20, 18]], group_id=1),
        labelme_shape("nose", "point", [[4, 6]], group_id=1),
        labelme_shape("nose", "point", [[24, 6]], group_id=2),
    ]
    target = open_labelled(str(labelme(tmp_path, shapes)), "train").clips[0].target(0)
    assert (target.instances.tolist(), target.boxes_xyxy[0].tolist()) == ([1, 2], [2, 3, 20, 18])
    region = studio_result("rectanglelabels", "bird", x=10, y=10, width=50, height=50)
    point = studio_result("keypointlabels", "nose", x=12.5, y=25.0, width=0.5) | {"parentID": region["id"]}
    target = open_labelled(str(label_studio(tmp_path / "ls", [region, point])), "train").clips[0].target(0)
    np.testing.assert_allclose(target.boxes_xyxy, [[3.2, 2.4, 19.2, 14.4]], rtol=1e-5)


@pytest.mark.parametrize("write", [labelme_points, studio_points, cvat_points])
def test_a_point_that_one_instance_has_twice_is_refused(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    root = write(tmp_path)
    [path] = [*root.glob("*.json"), *root.glob("*.xml")]
    path.write_text(path.read_text().replace("left_eye", "nose"))
    with pytest.raises(StreamdeqError, match=r"expected each (key )?point .*'nose' again"):
        open_labelled(str(root), "train", "pose")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[3, 3]", "[3]", r"kpt_shape: \[points, 2 or 3\] in .*data.yaml"),
        ("[3, 3]", "[4, 3]", r"expected 4 different names as kpt_names in .*data.yaml"),
        ("[0, 2, 1]", "[0, 2, 2]", r"every point's partner, 0..2, as flip_idx in .*data.yaml"),
        ("[0, 2, 1]", "[1, 2, 0]", r"every point's partner, 0..2, as flip_idx in .*data.yaml"),
    ],
)
def test_settings_of_key_points_that_do_not_fit_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    root = yolo_points(tmp_path)
    (root / "data.yaml").write_text((root / "data.yaml").read_text().replace(old, new))
    with pytest.raises(StreamdeqError, match=message):
        open_dataset(str(root), "train", "pose")


def test_key_points_of_yolo_that_are_missing_are_refused_with_their_line(tmp_path: Path) -> None:
    root = yolo_points(tmp_path)
    (root / "labels/train/a.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    with pytest.raises(
        StreamdeqError, match=r"a box and 9 numbers of key points in .*a\.txt, line 1, as kpt_shape says"
    ):
        open_labelled(str(root), "train", "pose")
    assert open_labelled(str(root), "train", "detection").task == "detection"
    assert open_dataset(str(root), "train", "pose").mirrored == ((1, 2),)


@pytest.mark.parametrize("name", ["walk/{}.png", "walk_{:04d}.png"])
def test_a_film_among_ones_own_pictures_has_a_label_picture_per_frame_counted_from_0(tmp_path: Path, name: str) -> None:
    film(tmp_path / "images/val/walk.mp4")
    for t in (1, 3):
        path = tmp_path / "labels/val" / name.format(t)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((24, 32), t % 2 + t // 3, np.uint8)).save(path)
    (tmp_path / "classes.txt").write_text("road\ncar\nsky\n")
    [clip] = open_labelled(str(tmp_path), "val").clips
    assert (clip.name, clip.fps, len(clip), clip.labelled) == ("val/walk", 10, 4, (1, 3))
    assert [int(clip.target(t).max()) for t in (1, 3)] == [1, 2]
    assert [round(clip.image(t).mean() / 30) for t in (1, 3)] == [1, 3]
    assert check(tmp_path).problems == ()


# -- MOTChallenge, Pascal VOC, Roboflow --------------------------------------------------------------------------------

ROWS = "1,4,2,4,8,12,1,-1,-1,-1\n3,4,6,4,8,12,1,1,0.9\n3,9,0,0,4,4,0,8,0.1\n"


def mot(root: Path, rows: str = ROWS) -> Path:
    for t in range(3):
        picture(root / f"train/walk/img1/{t + 1:06d}.png", t)
    (root / "train/walk/gt").mkdir(parents=True)
    (root / "train/walk/gt/gt.txt").write_text(rows)
    (root / "train/walk/seqinfo.ini").write_text("[Sequence]\nname=walk\nimDir=img1\nframeRate=14\nseqLength=3\n")
    return root


def test_a_sequence_of_motchallenge_is_a_clip_whose_every_frame_is_labelled(tmp_path: Path) -> None:
    dataset = open_labelled(str(mot(tmp_path)), "train")
    [clip] = dataset.clips
    assert (dataset.classes, clip.name, clip.fps, clip.labelled) == (("person",), "walk", 14, (0, 1, 2))
    assert [clip.target(t).xyxy.tolist() for t in range(3)] == [[[2, 4, 10, 16]], [], [[6, 4, 14, 16], [0, 0, 4, 4]]]
    assert (clip.target(2).instances.tolist(), clip.target(2).ignore.tolist()) == ([4, 9], [False, True])
    assert check(tmp_path).problems == ()


def test_a_film_with_a_table_beside_it_is_a_clip(tmp_path: Path) -> None:
    film(tmp_path / "val/walk.mp4")
    (tmp_path / "val/walk.txt").write_text(ROWS)
    [clip] = open_labelled(str(tmp_path), "val").clips
    assert (clip.name, clip.fps, len(clip), clip.labelled) == ("walk", 10, 3, (0, 1, 2))
    assert (len(clip.target(2)), round(clip.image(2).mean() / 30)) == (2, 2)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,1,0,0,4\n", r"frame \(from 1\), id, left, top, width, height in .*gt.txt, line 1, got '1,1,0,0,4'"),
        ("0,1,0,0,4,4\n", r"frame \(from 1\), id, left, top, width, height in .*gt.txt, line 1"),
        ("1,1,0,0,4,4\n4,1,0,0,4,4\n", r"a frame 1..3 in .*gt.txt, line 2, got 4"),
        ("1,1,0,0,4,4,1,3,1\n", r"a class 1..1 in .*gt.txt, line 1, got 3; name the classes in classes.txt"),
        ("1,1,40,0,4,4\n", r"a box in the frame of 32x24 pixels in .*gt.txt, line 1"),
    ],
)
def test_rows_of_motchallenge_that_are_none_are_refused(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(StreamdeqError, match=message):
        open_dataset(str(mot(tmp_path, rows)), "train")


def test_masks_of_roboflow_have_the_values_of_their_list(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        picture(tmp_path / split / "a.jpg")
        mask = np.zeros((24, 32), np.uint8)
        mask[:6] = 3
        Image.fromarray(mask).save(tmp_path / split / "a_mask.png")
        (tmp_path / split / "_classes.csv").write_text("Pixel Value, Class\n0, background\n3, crack\n")
    for split in ("train", "val"):
        dataset = open_labelled(str(tmp_path), split)
        assert (dataset.task, dataset.classes) == ("segmentation", ("background", "crack"))
        assert np.bincount(dataset.clips[0].target(0).ravel()).tolist() == [18 * 32, 6 * 32]
    (tmp_path / "train/_classes.csv").write_text("0, background\n256, crack\n")
    with pytest.raises(StreamdeqError, match=r"a value 0..255 and a class in .*_classes.csv, line 2, got '256,crack'"):
        open_dataset(str(tmp_path), "train")


XML = """<annotation>
  <folder>x</folder><filename>a.jpg</filename><size><width>32</width><height>24</height><depth>3</depth></size>
  <object><name>cat</name><difficult>0</difficult><bndbox><xmin>4</xmin><xmax>12</xmax><ymin>6</ymin><ymax>16</ymax></bndbox></object>
  <object><name>dog</name><difficult>1</difficult><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox></object>
</annotation>
"""


@pytest.mark.parametrize("devkit", [False, True])
def test_xml_of_pascal_voc_is_read_beside_its_pictures_and_as_voc_has_it(tmp_path: Path, devkit: bool) -> None:
    for split in ("train", "valid"):
        picture(tmp_path / ("JPEGImages" if devkit else split) / "a.jpg")
        path = tmp_path / ("Annotations" if devkit else split) / "a.xml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(XML)
        lists = tmp_path / "ImageSets/Main"
        if devkit:
            lists.mkdir(parents=True, exist_ok=True)
            (lists / f"{split.removesuffix('id')}.txt").write_text("a\n")
    for split in ("train", "val"):
        dataset = open_labelled(str(tmp_path), split)
        target = dataset.clips[0].target(0)
        assert (dataset.task, dataset.classes) == ("detection", ("cat", "dog"))
        assert (target.xyxy[0].tolist(), target.ignore.tolist()) == ([4, 6, 12, 16], [False, True])
    assert check(tmp_path).problems == ()
    path.write_text(XML.replace("<xmin>4<", "<xmin>four<"))
    with pytest.raises(StreamdeqError, match=r"numbers as xmin, .* in .*a.xml, line 3, got four, 6, 12, 16"):
        open_dataset(str(tmp_path), "val")
