"""MPII in its own layout: what is read, what of a film comes before, what is refused with file, entry and reason."""

import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat
from support.keypoint_trees import mpii_person, write_mpii, write_mpii_film, write_mpii_keyframes, write_mpii_truth

from streamdeq.data.check import check
from streamdeq.data.open import open_dataset
from streamdeq.data.readers import mpii
from streamdeq.data.readers.mpii import JOINTS, MIRRORED, SKELETON
from streamdeq.errors import StreamdeqError
from streamdeq.tasks.pose import Poses
from streamdeq.tasks.pose.metric import PoseMetric
from streamdeq.values.geometry import Window
from streamdeq.values.status import Start, Status

PEOPLE = [mpii_person("a.jpg"), mpii_person("b.jpg"), mpii_person("a.jpg", 20, 12)]
HEADS = [[10.0, 10, 13, 14], [10, 10, 16, 18], [20, 20, 29, 32]]


def test_points_count_from_0_and_people_of_a_picture_stand_together(tmp_path: Path):
    dataset = open_dataset(str(write_mpii(tmp_path, PEOPLE)), "val")
    assert (dataset.name, dataset.task, dataset.classes) == ("mpii", "pose", JOINTS)
    assert [(clip.name, len(clip), clip.labelled) for clip in dataset.clips] == [("a.jpg", 1, (0,)), ("b.jpg", 1, (0,))]
    both = dataset.clips[0].target(0)
    assert both.xy[:, 0].tolist() == [[9, 7], [19, 11]]
    assert both.visible.sum(axis=1).tolist() == [15, 15]
    assert both.instances.tolist() == [0, 1]
    assert np.isnan(both.head_px).all()
    assert dataset.clips[0].image(0).shape == (48, 64, 3)


def test_a_crop_is_the_published_one(tmp_path: Path):
    """`center_y += 15 * scale; scale *= 1.25`, in units of 200 pixels, counted from 1 in the file."""
    center, scale = [30.0, 20.0], 0.2
    root = write_mpii(tmp_path, [mpii_person("a.jpg", center=center, scale=scale)])
    target = open_dataset(str(root), "val").clips[0].target(0)
    x, y, side = center[0] - 1, center[1] + 15 * scale - 1, 200 * 1.25 * scale
    assert target.boxes_xyxy.tolist() == [[x - 20, y - 20, x + 20, y + 20]]
    window = Window.around(target.boxes_xyxy[0])
    assert window == Window(int(x - side / 2), int(y - side / 2), int(x + side / 2), int(y + side / 2))


def test_a_sample_of_train_is_a_person_and_the_film_is_before_each(tmp_path: Path):
    root = write_mpii(tmp_path, PEOPLE, "annot/train.json")
    write_mpii_film(root, "a", [1, 2])
    write_mpii_keyframes(root, ["a/00000003.jpg"])
    dataset = open_dataset(str(root), "train")
    assert [(clip.name, len(clip), clip.labelled) for clip in dataset.clips] == [
        ("a.jpg-0", 3, (2,)),
        ("a.jpg-1", 3, (2,)),
        ("b.jpg-0", 1, (0,)),
    ]
    assert [clip.target(t).xy[:, 0].tolist() for clip, t in dataset.samples] == [[[9, 7]], [[19, 11]], [[9, 7]]]


def test_a_person_without_a_box_has_that_of_the_points(tmp_path: Path):
    root = write_mpii(tmp_path, [mpii_person("a.jpg", center=[-1, -1], scale=-1)])
    assert open_dataset(str(root), "val").clips[0].target(0).boxes_xyxy.tolist() == [[9, 7, 37, 35]]


def test_names_skeleton_and_mirror_fit_one_another():
    for a, b in MIRRORED:
        assert {JOINTS[a].split(" ", 1)[0], JOINTS[b].split(" ", 1)[0]} == {"left", "right"}
        assert JOINTS[a].split(" ", 1)[1] == JOINTS[b].split(" ", 1)[1]
    assert len(JOINTS) == 16
    reached = {0}
    for _ in SKELETON:
        reached |= {k for pair in SKELETON if reached & set(pair) for k in pair}
    assert reached == set(range(16))


@pytest.mark.parametrize("file", ["annot/gt_valid.mat", "annot/mpii_gt_val.mat", "mpii_gt_val.mat"])
def test_heads_and_points_of_val_are_those_of_the_evaluation(tmp_path: Path, file: str):
    truth = [mpii_person("", 11), mpii_person("", 12), mpii_person("", 13, joints_vis=[0] + [1] * 15)]
    truth[2]["joints"][15] = [40, 40]
    root = write_mpii_truth(write_mpii(tmp_path, PEOPLE), truth, HEADS, file)
    dataset = open_dataset(str(root), "val")
    both, one = (clip.target(0) for clip in dataset.clips)
    # 0.6 of the diagonals of boxes 3 x 4, 6 x 8 and 9 x 12, in the order of the file
    assert both.head_px.tolist() == pytest.approx([3.0, 9.0])
    assert one.head_px.tolist() == pytest.approx([6.0])
    assert both.xy[0, 0].tolist() == [10, 7]
    assert both.visible[1].tolist() == [False] + [True] * 15
    assert both.xy[1, 15].tolist() == [39, 39]


def test_pckh_is_as_worked_out_by_hand(tmp_path: Path):
    people = [mpii_person("a.jpg")]
    dataset = open_dataset(str(write_mpii_truth(write_mpii(tmp_path, people), people, [HEADS[2]])), "val")
    [clip] = dataset.scored(JOINTS).clips
    target = clip.target(0)
    answer = target.xy.copy()
    answer[0, :4, 0] += (4.4, 4.6, -4.4, -4.6)  # half of the head, 9 pixels long, is 4.5
    answer[0, 6:8] += 20  # pelvis and thorax count nowhere
    status, crop = Status(0, 0.0, 1, 1, 0.5, Start.COLD), np.zeros((1, 4), np.float32)
    scores = np.ones((1, 16), np.float32)
    metric = PoseMetric(JOINTS)
    found = {"keypoints_xy": answer, "scores": scores, "crops_xyxy": crop}
    metric.update(Poses(status=status, names=JOINTS, skeleton=(), frame_hw=(48, 64), **found), target)
    assert metric.figure("PCKh@0.5") == pytest.approx(100 * 11 / 13)  # of 15 visible ones without those two


def test_the_frames_before_a_picture_come_before_it_and_its_box_crops_them(tmp_path: Path):
    root = write_mpii(tmp_path, PEOPLE)
    write_mpii_film(root, "a", [1, 3, 4, 5, 6, 7, 8])
    write_mpii_keyframes(root, ["b/00000009.jpg", "a/00000006.jpg", ""])
    dataset = open_dataset(str(root), "val")
    assert [(clip.name, len(clip), clip.labelled) for clip in dataset.clips] == [("a.jpg", 4, (3,)), ("b.jpg", 1, (0,))]
    clip = dataset.clips[0]
    frames = [clip.image(t) for t in range(4)]
    assert np.array_equal(frames[3], open_dataset(str(root), "val").clips[0].image(3))
    assert all(not np.array_equal(a, b) for a, b in pairwise(frames))
    scored = dataset.scored(JOINTS).clips
    assert [len(one) for one in scored] == [4, 4, 1]  # two people of the first picture
    window = scored[1].frames.window
    assert window != scored[0].frames.window
    for t in range(4):
        assert np.array_equal(scored[1].image(t), window.cut(frames[t]))
    assert scored[1].target(2) is None
    assert np.allclose(scored[1].target(3).xy[0] + (window.left, window.top), clip.target(3).xy[1])


def test_films_need_to_know_which_frame_is_labelled(tmp_path: Path):
    root = write_mpii(tmp_path, PEOPLE)
    write_mpii_film(root, "a", [1, 2])
    with pytest.raises(StreamdeqError, match=r"keyframes\.mat, which says which frame of a film is labelled"):
        open_dataset(str(root), "val")


def test_frames_of_another_size_than_the_labelled_picture_are_refused(tmp_path: Path):
    root = write_mpii(tmp_path, PEOPLE)
    write_mpii_film(root, "a", [1, 2], size_hw=(24, 32))
    write_mpii_keyframes(root, ["a/00000003.jpg"])
    clip = open_dataset(str(root), "val").clips[0]
    with pytest.raises(StreamdeqError, match=r"00000001.jpg to be as large as .*a.jpg, 64x48, .* got 32x24"):
        clip.image(0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image": ""}, "the name of a picture as image in {}"),
        ({"joints": [[1, 2]] * 15}, "16 pairs x, y as joints in {}"),
        ({"joints": [[1, 2]] * 15 + [[1, float("nan")]]}, "16 pairs x, y as joints in {}"),
        ({"joints": None}, "16 pairs x, y as joints in {}, got None"),
        ({"joints_vis": [1] * 15 + [2]}, "16 times 0 or 1 as joints_vis in {}"),
        ({"center": [1]}, "x, y as center and a number as scale in {}, got [1] and 0.2"),
        ({"scale": "big"}, "x, y as center and a number as scale in {}"),
    ],
)
def test_what_is_broken_is_refused_with_file_entry_and_reason(tmp_path: Path, change: dict[str, Any], message: str):
    root = write_mpii(tmp_path, [mpii_person("a.jpg"), {**mpii_person("a.jpg"), **change}])
    with pytest.raises(StreamdeqError) as error:
        open_dataset(str(root), "val")
    assert message.format(f"{root / 'annot/valid.json'}, entry 2") in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[{", r"expected JSON in .*valid.json, line 1"),
        ("{}", "a list of people in .*valid.json, got dict"),
        ("[]", "a list"),
    ],
)
def test_what_is_no_list_of_people_is_refused(tmp_path: Path, text: str, message: str):
    (tmp_path / "annot").mkdir()
    (tmp_path / "annot/valid.json").write_text(text)
    with pytest.raises(StreamdeqError, match=message):
        open_dataset(str(tmp_path), "val")


def test_a_truth_of_another_split_or_broken_is_refused(tmp_path: Path):
    root = write_mpii_truth(write_mpii(tmp_path, PEOPLE), PEOPLE[:2], HEADS[:2])
    with pytest.raises(StreamdeqError, match=r"has 3 people, got \(16, 2, 2\); are they of the same split"):
        open_dataset(str(root), "val")
    (root / "annot/gt_valid.mat").write_bytes(b"no matlab" * 40)
    with pytest.raises(StreamdeqError, match=r"expected MATLAB's format in .*gt_valid.mat"):
        open_dataset(str(root), "val")


def test_a_truth_that_unpacks_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    root = write_mpii_truth(write_mpii(tmp_path, PEOPLE), PEOPLE, HEADS)
    path = root / "annot/gt_valid.mat"
    savemat(path, {"a": np.zeros((500, 500)), "b": np.zeros((500, 500))}, do_compression=True)  # 2 MB each
    monkeypatch.setattr(mpii, "MOST_UNPACKED", 3_000_000)
    with pytest.raises(StreamdeqError, match="more than 3,000,000 bytes when unpacked; fetch it again"):
        open_dataset(str(root), "val")
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(StreamdeqError, match="at most 64,000,000 bytes"):
        open_dataset(str(root), "val")


def test_without_scipy_the_truth_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    root = write_mpii_truth(write_mpii(tmp_path, PEOPLE), PEOPLE, HEADS)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(StreamdeqError, match=r"gt_valid.mat is read with scipy, .*pip install 'streamdeq\[pose\]'"):
        open_dataset(str(root), "val")


def test_data_check_tells_the_splits_of_both_namings_and_that_heads_are_missing(tmp_path: Path):
    root = write_mpii(tmp_path, PEOPLE)
    write_mpii(root, PEOPLE[:1], "annotations/mpii_train.json")
    report = check(root)
    assert (report.layout, report.task, report.unit) == ("MPII", "pose", "visible key points")
    assert [(split.name, split.labelled) for split in report.splits] == [("train", 1), ("val", 2)]
    assert "no annot/gt_valid.mat: val is scored by PCK instead of PCKh" in report.missing
    assert not report.problems
