"""The labels of a data set say where to look in a film or in pictures that belong to it."""

import json
from pathlib import Path

import numpy as np
import pytest
from support.box_trees import picture, write_coco_video, write_vid
from support.keypoint_trees import mpii_person, write_mpii, write_mpii_film, write_mpii_keyframes
from support.making_videos import write_video
from support.pose_models import pose_model
from support.pose_trees import HEADER, NAMES, square_table

from streamdeq.data.base import Clip
from streamdeq.data.frames import Rendered
from streamdeq.data.label_boxes import boxes_of, label_boxes
from streamdeq.data.open import open_dataset
from streamdeq.data.poses import labelled_poses
from streamdeq.errors import StreamdeqError
from streamdeq.running.options import RunOptions
from streamdeq.running.run import Run
from streamdeq.streaming.locate import FromTable
from streamdeq.streaming.options import StreamOptions
from streamdeq.values.frame import Frame
from streamdeq.values.keypoints import Keypoints


def boxes(source: object, count: int) -> list[list[list[float]]]:
    """Of each frame."""
    found = FromTable(label_boxes(source))
    return [found(Frame(np.zeros((8, 8, 3), np.uint8), t, 0.0)).boxes_xyxy.tolist() for t in range(count)]


def film_table(folder: Path, labelled: tuple[int, ...] = (2, 4), people: int = 1) -> Path:
    """A data set of one film of 6 frames; returns the film. In frame t the points lie t pixels further right."""
    (folder / "videos").mkdir(parents=True)
    film = write_video(folder / "videos" / "walk.mp4", 6)
    (folder / "keypoints.json").write_text(json.dumps({"keypoints": NAMES}))
    lines = [HEADER]
    for t in labelled:
        for one in range(people):
            for name, (x, y) in zip(NAMES, ((5, 5), (35, 5), (20, 45)), strict=True):
                lines.append(f"videos/walk.mp4,walk,{t},{one},{name},{x + t + 40 * one},{y},1,,train")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return film


def test_a_frame_has_its_own_boxes_or_those_of_the_next_labelled_one(tmp_path):
    film = film_table(tmp_path / "set")
    two, four = [[7, 5, 37, 45]], [[9, 5, 39, 45]]
    assert boxes(film, 6) == [two, two, two, four, four, []]
    assert boxes(str(film), 6) == boxes(film, 6)


def test_who_is_who_is_known_from_the_labels(tmp_path):
    found = label_boxes(film_table(tmp_path / "set", people=2))
    assert found[4].ids.tolist() == [0, 1]
    assert found[4].boxes_xyxy.tolist() == [[9, 5, 39, 45], [49, 5, 79, 45]]


def test_who_has_no_visible_point_is_nowhere_and_points_in_a_row_have_a_box(tmp_path):
    image, shown = np.zeros((40, 40, 3), np.uint8), np.array([[True, True], [False, False]])
    given = np.array([[3, 4, 20, 30], [0, 0, 40, 40]], np.float32)
    poses = labelled_poses({5: Keypoints(np.ones((2, 2, 2), np.float32), shown, given)})
    clip = Clip("rare", 25.0, Rendered(9, lambda t: image), poses)
    table = boxes_of(clip)
    assert sorted(table) == [0, 1, 2, 3, 4, 5]
    assert table[0].boxes_xyxy.tolist() == table[5].boxes_xyxy.tolist() == [[3, 4, 20, 30]]
    assert table[5].ids is None
    (film, _still) = open_dataset(str(square_table(tmp_path / "set")), "val").clips
    # In even frames two points are labelled, in a row: their box is flat, and gets a pixel.
    assert boxes_of(film)[2].boxes_xyxy.tolist() == [[12, 11.5, 43, 12.5]]


def test_pictures_are_known_by_their_files_in_whatever_order_they_are_read(tmp_path):
    folder = square_table(tmp_path / "set")
    # In names' order: train-0 … train-6, val-0 … val-6; frame 3 of each shows all three points, frame 2 does not.
    found = boxes(folder / "frames", 14)
    assert found[3] == found[10] == [[13, 12, 44, 35]]
    assert boxes(str(folder / "frames" / "val-*.png"), 7)[3] == found[3]
    assert boxes(folder / "frames" / "val-3.png", 1) == [found[3]]


def test_labels_of_objects_are_boxes_too_but_for_crowds(tmp_path):
    folder = write_coco_video(tmp_path / "set")
    found = boxes(folder / "images" / "walk", 3)
    assert found[:2] == [[[0, 4, 8, 20]], [[2, 4, 10, 20]]]


def test_a_person_of_mpii_is_looked_for_in_the_picture_and_in_the_film_before_it(tmp_path):
    folder = write_mpii(tmp_path / "mpii", [mpii_person("a.jpg", center=[30, 20]), mpii_person("b.jpg")])
    write_mpii_film(folder, "a", [3, 4, 5, 6])
    write_mpii_keyframes(folder, ["a/00000005.jpg"])
    person = [[9, 2, 49, 42]]  # 200 · 0.2 pixels around (30, 20 + 15 · 0.2), counted from 0
    assert boxes(folder / "images/a.jpg", 1) == [person]
    assert boxes(folder / "sequences/batch1/a", 4) == [person, person, [], []]


def test_boxes_of_yolo_are_those_of_the_picture(tmp_path):
    for name in ("a", "b"):
        picture(tmp_path / f"images/train/{name}.png")
    (tmp_path / "data.yaml").write_text("names: [cat]\ntrain: images/train\n")
    (tmp_path / "labels/train").mkdir(parents=True)
    (tmp_path / "labels/train/b.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    assert boxes(tmp_path / "images/train", 2) == [[], [[12, 6, 20, 18]]]


def test_of_imagenet_vid_only_the_films_own_labels_are_read(tmp_path):
    folder = write_vid(tmp_path)
    for path in (folder / "Annotations/VID/train").rglob("*.xml"):
        path.write_text("broken")
    walk = folder / "Data/VID/val/ILSVRC2015_val_00000000"
    assert boxes(walk, 4) == [[[0, 4, 8, 20]], [[1, 4, 9, 20]], [], [[3, 4, 11, 20]]]
    with pytest.raises(StreamdeqError, match=r"expected labelled boxes of .*_test_00000000 in the data set"):
        label_boxes(folder / "Data/VID/test/ILSVRC2015_test_00000000")


def test_a_run_looks_where_the_labels_say(tmp_path):
    film = film_table(tmp_path / "set")
    options = RunOptions(stream=StreamOptions(1), save=tmp_path / "out", write=("jsonl",), boxes="labels")
    work = Run(pose_model(), film, options)
    with work.results() as results:
        assert [len(result) for result in results] == [1, 1, 1, 1, 1, 0]
    first = json.loads(work.paths["jsonl"].read_text().splitlines()[0])
    [one] = first["instances"]
    assert one["crop_xyxy"] == [-3, 0, 47, 50]
    assert one["id"] == 0


def test_what_has_no_labels_is_refused_in_one_line(tmp_path):
    film = write_video(tmp_path / "walk.mp4", 3)
    with pytest.raises(StreamdeqError, match=r"a data set with boxes or key points around .*walk\.mp4, found none"):
        label_boxes(film)
    film_table(tmp_path / "set")
    other = write_video(tmp_path / "set" / "videos" / "other.mp4", 3)
    with pytest.raises(StreamdeqError, match=r"labelled boxes of .*other\.mp4 in the data set .*set, found none"):
        label_boxes(other)
    for source in ([np.zeros((8, 8, 3), np.uint8)], "rtsp://camera/stream"):
        with pytest.raises(StreamdeqError, match="only files of a data set have labels, got"):
            label_boxes(source)
