"""Key point tables are read as they are meant, and cut into instances as the protocol wants them."""

import json

import numpy as np
import pytest
from support.making_videos import number_on, picture, write_video
from support.pose_trees import HEADER, NAMES, square_table

from streamdeq.data.augment.pose_crops import PoseCrop
from streamdeq.data.check import check
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError
from streamdeq.values.keypoints import Keypoints


def test_frames_that_follow_one_another_are_a_clip_and_others_are_clips_of_one(tmp_path):
    dataset = open_dataset(str(square_table(tmp_path / "set")), "train")
    assert (dataset.task, dataset.classes) == ("pose", NAMES)
    assert [len(clip) for clip in dataset.clips] == [6, 1]
    target = dataset.clips[0].target(3)
    assert target.xy[0].tolist() == [[13, 12], [44, 12], [29, 35]]
    assert target.visible.tolist() == [[True, True, True]]
    assert target.boxes_xyxy.tolist() == [[13, 12, 44, 35]]
    assert dataset.clips[0].target(2).visible.tolist() == [[True, True, False]]
    assert dataset.head == {"skeleton": [[0, 1]], "mirrored": [[0, 1]]}


def test_a_missing_frame_ends_a_clip(tmp_path):
    folder = square_table(tmp_path / "set", splits=("train",))
    table = folder / "labels.csv"
    kept = [line for line in table.read_text().splitlines() if "square-train,102" not in line]
    table.write_text("\n".join(kept))
    assert [len(clip) for clip in open_dataset(str(folder), "train").clips] == [2, 3, 1]


def test_two_films_of_a_sequence_are_two_clips(tmp_path):
    lines, films = [HEADER], {"left.mp4": 40, "right.mp4": 50}
    for film, number in films.items():
        write_video(tmp_path / film, 3, draw=lambda t, size_hw, number=number: picture(number + t, size_hw))
        for t in (0, 2):
            lines += [f"{film},walk,{t},0,{name},{number + t},20,1,,train" for name in NAMES]
    (tmp_path / "keypoints.json").write_text(json.dumps({"keypoints": NAMES}))
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    clips = open_dataset(str(tmp_path), "train").clips
    assert [(clip.name, clip.labelled) for clip in clips] == [("walk/left.mp4", (0, 2)), ("walk/right.mp4", (0, 2))]
    for clip, number in zip(clips, films.values(), strict=True):
        assert clip.target(2).xy[0, 0].tolist() == [number + 2, 20]
        assert number_on(clip.image(2)) == number + 2


def test_the_labelled_frames_box_cuts_all_frames_before_it(tmp_path):
    dataset = open_dataset(str(square_table(tmp_path / "set")), "val")
    scored = dataset.scored(NAMES)
    assert [len(clip) for clip in scored.clips] == [1, 2, 3, 4, 5, 6, 1]
    clip, whole = scored.clips[3], dataset.clips[0]
    assert clip.labelled == (3,)
    window = clip.frames.window
    assert window.hw == (39, 39)  # 1.25 times 31
    for t in range(4):
        assert np.array_equal(clip.image(t), window.cut(whole.image(t)))
    target = clip.target(3)
    assert np.allclose(target.xy[0] + (window.left, window.top), whole.target(3).xy[0])
    assert target.box_px.tolist() == [31]
    assert clip.target(0) is None


def test_a_model_of_some_of_the_points_is_scored_on_those(tmp_path):
    dataset = open_dataset(str(square_table(tmp_path / "set")), "val")
    some = dataset.scored(("bottom", "left_top"))
    assert some.classes == ("bottom", "left_top")
    assert some.clips[3].target(3).xy.shape == (1, 2, 2)
    assert np.allclose(some.clips[3].target(3).xy[0, 1], dataset.scored(NAMES).clips[3].target(3).xy[0, 0])
    assert dataset.scored(("tail",)).classes == NAMES


def test_data_check_counts_visible_points(tmp_path):
    report = check(square_table(tmp_path / "set"))
    assert (report.task, report.unit, report.problems) == ("pose", "visible key points", ())
    assert [round(share.share, 2) for share in report.classes] == [0.41, 0.41, 0.18]
    assert [(split.name, split.labelled, split.before) for split in report.splits] == [
        ("train", 7, (0, 5)),
        ("val", 7, (0, 5)),
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (",bottom,", ",botom,", "line 4 of .*: unknown key point 'botom'; did you mean 'bottom'"),
        ("10,12,1", "ten,12,1", "expected numbers in line 2"),
        ("10,12,1", "nan,12,1", "expected finite x and y of a visible point in line 2"),
        ("10,12,1,", "10,12,2,", "expected 0 or 1 as visible in line 2 of .*labels.csv, got '2'"),
        ("10,12,1,", "10,12,,", "expected 0 or 1 as visible in line 2 of .*labels.csv, got ''"),
        (",right_top,", ",left_top,", r"once per frame, got 'left_top' again in line 3 of .*labels.csv"),
        (",bottom,", ",left_top,", r"once per frame, got 'left_top' again in line 4 of .*labels.csv"),  # not visible
        ("keypoint,x,y", "point,x,y", "expected the column 'keypoint'"),
        ("10,12,1,,train", "10,12,1", r"expected 10 fields in line 2"),
    ],
)
def test_what_is_wrong_in_a_table_is_named_with_its_line(tmp_path, old, new, message):
    folder = square_table(tmp_path / "set", splits=("train",))
    table = folder / "labels.csv"
    table.write_text(table.read_text().replace(old, new, 1))
    with pytest.raises(StreamdeqError, match=message):
        open_dataset(str(folder), "train")


@pytest.mark.parametrize(("yes", "no"), [("1.0", "0.0"), ("True", "False"), ("TRUE", "false"), (" 1", "0 ")])
def test_visible_is_a_number_or_a_word(tmp_path, yes, no):
    folder = square_table(tmp_path / "set", splits=("train",))
    plain = open_dataset(str(folder), "train").clips[0]
    table = folder / "labels.csv"
    table.write_text(table.read_text().replace(",1,,", f",{yes},,").replace(",0,,", f",{no},,"))
    read = open_dataset(str(folder), "train").clips[0]
    for t in (2, 3):
        assert read.target(t).visible.tolist() == plain.target(t).visible.tolist() == [[True, True, t == 3]]
        assert np.array_equal(read.target(t).xy, plain.target(t).xy)


def test_names_are_checked(tmp_path):
    folder = square_table(tmp_path / "set", splits=("train",))
    for about, message in (
        ({"keypoints": []}, "expected a list of names"),
        ({"keypoints": ["a", "a"]}, "different names"),
        ({"keypoints": NAMES, "skeleton": [["left_top", "tail"]]}, "expected pairs of key point names in 'skeleton'"),
    ):
        (folder / "keypoints.json").write_text(json.dumps(about))
        with pytest.raises(StreamdeqError, match=message):
            open_dataset(str(folder), "train")


def test_pairs_are_those_of_the_file_and_without_any_those_of_the_names(tmp_path):
    folder = square_table(tmp_path / "set", splits=("train",))
    for given, mirrored in (
        ({}, [[0, 1]]),
        ({"flip_pairs": []}, []),
        ({"flip_pairs": [["bottom", NAMES[0]]]}, [[2, 0]]),
    ):
        (folder / "keypoints.json").write_text(json.dumps({"keypoints": NAMES, **given}))
        assert open_dataset(str(folder), "train").head["mirrored"] == mirrored


def marked(points: np.ndarray, side: int = 120) -> np.ndarray:
    """A black frame with a bright patch on each point, (K, 2), each of its own brightness."""
    image = np.zeros((side, side, 3), np.uint8)
    for k, (x, y) in enumerate(points.astype(int)):
        image[y - 2 : y + 3, x - 2 : x + 3] = 100 + 50 * (k % 4)
    return image


@pytest.mark.parametrize("seed", range(6))
def test_the_points_of_a_crop_lie_where_the_picture_shows_them(seed):
    xy = np.array([[[40, 40], [80, 45], [60, 85]]], np.float32)
    target = Keypoints(xy, np.ones((1, 3), bool), np.array([[38, 38, 82, 87]], np.float32))
    crop = PoseCrop(64, NAMES, ((0, 1),), (0.6, 0.7), 180.0, 0.5)
    pixels, (points, weights) = crop(marked(xy[0]), target, np.random.default_rng(seed))
    assert pixels.shape == (3, 64, 64)
    assert weights.tolist() == [1, 1, 1]
    seen = [int(pixels[0, y, x]) for x, y in points.round().long().tolist()]
    # In a mirror the right point is where the left one was; which way it was turned, the order around the middle says.
    a, b, c = points.numpy()
    mirrored = np.cross((*(b - a), 0), (*(c - a), 0))[2] < 0
    assert not mirrored  # the names follow the mirror, so that a right-handed triangle stays one
    assert sorted(seen[:2]) == pytest.approx([100, 150], abs=25)
    assert seen[2] == pytest.approx(200, abs=25)


def test_without_chance_a_crop_is_what_inference_sees():
    xy = np.array([[[40, 40], [80, 45], [60, 85]]], np.float32)
    target = Keypoints(xy, np.array([[True, True, False]]), np.array([[40, 40, 80, 88]], np.float32))
    _, (points, weights) = PoseCrop(60)(marked(xy[0]), target, np.random.default_rng(0))
    # The box's middle (60, 64), a window of 1.25 · 48 = 60 pixels: shifted by (30, 34).
    assert points.tolist() == [[10, 6], [50, 11], [30, 51]]
    assert weights.tolist() == [1, 1, 0]


def test_scale_and_rotation_are_clipped_normals_where_they_are_asked_for_as_such():
    crop = PoseCrop(100, NAMES, scale_deviation=0.5, rotation_deviation=40.0)
    xy = np.array([[[50, 60], [70, 60], [60, 75]]], np.float32)
    target = Keypoints(xy, np.ones((1, 3), bool), np.array([[35, 35, 85, 85]], np.float32))
    sides, turns = [], []
    for seed in range(300):
        _, (points, _) = crop(marked(xy[0]), target, np.random.default_rng(seed))
        x, y = (points[1] - points[0]).tolist()
        sides.append(100 / 62.5 * 20 / np.hypot(x, y))
        turns.append(np.degrees(np.arctan2(y, x)))
    larger, turns = np.array(sides), np.abs(turns)
    assert (larger.min(), larger.max()) == pytest.approx((0.5, 1.5), abs=0.03)
    # A sixth of a normal lies beyond either limit, and stands there; 3 of 5 are turned, 1 in 22 of them to the limit.
    assert np.mean(larger < 0.53) == pytest.approx(0.17, abs=0.06)
    assert np.mean(larger > 1.47) == pytest.approx(0.17, abs=0.06)
    assert turns.max() == pytest.approx(80, abs=0.5)
    assert np.mean(turns < 0.5) == pytest.approx(0.4, abs=0.08)


def test_half_a_body_is_its_upper_or_its_lower_half():
    names = ("left shoulder", "right shoulder", "neck", "left knee", "right knee", "left ankle")
    xy = np.array([[[40, 20], [60, 20], [50, 15], [45, 90], [58, 90], [45, 110]]], np.float32)
    target = Keypoints(xy, np.ones((1, 6), bool), np.array([[40, 15, 60, 110]], np.float32))
    crop = PoseCrop(64, names, half_body=1.0)
    seen = {tuple(crop(marked(xy[0]), target, np.random.default_rng(seed))[1][1].tolist()) for seed in range(12)}
    assert seen == {(1, 1, 1, 0, 0, 0), (0, 0, 0, 1, 1, 1)}


def test_the_licence_is_what_the_readme_says(tmp_path):
    folder = square_table(tmp_path / "set")
    assert open_dataset(str(folder), "train").licence == "not stated by the data"
    (folder / "README.md").write_text("# Squares\nLicence: free,\nfor all.\n\nMore.\n")
    assert open_dataset(str(folder), "train").licence == "free, for all."
