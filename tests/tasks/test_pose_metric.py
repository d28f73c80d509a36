"""PCKh, PCK, RMSE, OKS-AP and jitter against values worked out by hand."""

import math

import numpy as np
import pytest

from streamdeq.errors import StreamdeqError
from streamdeq.tasks.pose import Poses, jitter
from streamdeq.tasks.pose.metric import PoseMetric, sigmas
from streamdeq.values.keypoints import Keypoints, boxes_around, head_length
from streamdeq.values.status import Start, Status

STATUS = Status(0, 0.0, 1, 1, 0.5, Start.COLD)
MPII = (
    "right ankle", "right knee", "right hip", "left hip", "left knee", "left ankle", "pelvis", "thorax", "upper neck",
    "head top", "right wrist", "right elbow", "right shoulder", "left shoulder", "left elbow", "left wrist",
)  # fmt: skip


def poses(xy: np.ndarray, names: tuple[str, ...], ids: list[int] | None = None, scores: float = 1.0) -> Poses:
    xy = np.asarray(xy, np.float32).reshape(-1, len(names), 2)
    return Poses(
        status=STATUS,
        keypoints_xy=xy,
        scores=np.full(xy.shape[:2], scores, np.float32),
        crops_xyxy=np.tile(np.array((0, 0, 100, 100), np.float32), (len(xy), 1)),
        names=names,
        skeleton=(),
        frame_hw=(100, 100),
        ids=None if ids is None else np.array(ids, np.int64),
    )


def labelled(xy, visible=None, box=(0, 0, 100, 50), head=math.nan, instances=None) -> Keypoints:
    xy = np.asarray(xy, np.float32)
    visible = np.ones(xy.shape[:2], bool) if visible is None else np.asarray(visible, bool)
    count = len(xy)
    boxes, heads = np.tile(np.array(box, np.float32), (count, 1)), np.full(count, head, np.float32)
    numbers = np.zeros(0, np.int64) if instances is None else np.array(instances, np.int64)
    return Keypoints(xy, visible, boxes, numbers, heads)


def score(names: tuple[str, ...], *frames: tuple[Poses, Keypoints]) -> PoseMetric:
    metric = PoseMetric(names)
    for result, target in frames:
        metric.update(result, target)
    return metric


def test_a_heads_length_is_six_tenths_of_its_boxs_diagonal():
    assert head_length(np.array([10, 10, 40, 50])) == pytest.approx(0.6 * 50)


def test_pckh_counts_what_is_within_half_a_head_without_pelvis_and_thorax():
    head = head_length(np.array([0, 0, 30, 40]))  # 30 pixels: right is up to 15
    truth = np.zeros((1, 16, 2)) + 50
    answer = truth.copy()
    answer[0, 0, 0] += 15  # on the limit: right
    answer[0, 1, 1] += 15.001  # beyond it: wrong
    answer[0, 2] += (9, 12)  # 15 pixels in all: right
    answer[0, 6:8] += 90  # pelvis and thorax: not looked at
    visible = np.ones((1, 16), bool)
    visible[0, 10:13] = False
    answer[0, 10:13] += 90  # not visible: not looked at
    metric = score(MPII, (poses(answer, MPII), labelled(truth, visible, head=head)))
    assert metric.name == "PCKh@0.5"
    assert metric.compute()["PCKh@0.5"] == pytest.approx(100 * 10 / 11)


def test_pckh_is_weighted_by_visible_points_and_not_by_people():
    truth = np.zeros((1, 16, 2)) + 50
    one_point = np.zeros((1, 16), bool)
    one_point[0, 0] = True
    seen = (poses(truth, MPII), labelled(truth, head=10))  # 14 of 14 right
    missed = (poses(truth + 50, MPII), labelled(truth, one_point, head=10))  # 0 of 1
    assert score(MPII, seen, missed).compute()["PCKh@0.5"] == pytest.approx(100 * 14 / 15)


def test_pck_is_relative_to_the_longer_side_of_the_box_and_rmse_in_pixels():
    names = ("a", "b", "c", "d")
    truth = np.zeros((1, 4, 2))
    answer = truth + np.array([(4, 0), (0, 8), (12, 16), (60, 80)])  # 4, 8, 20 and 100 pixels; the box is 100 long
    found = score(names, (poses(answer, names), labelled(truth))).compute()
    assert [found[f"PCK@{f}"] for f in (0.05, 0.1, 0.2)] == pytest.approx([25, 50, 75])
    assert found["RMSE px"] == pytest.approx(math.sqrt((16 + 64 + 400 + 10000) / 4))
    assert found["PCK@0.1/a"] == 100
    assert found["PCK@0.1/d"] == 0
    assert "PCKh@0.5" not in found


def test_merged_metrics_are_the_metric_of_all():
    names, truth = ("a", "b"), np.zeros((1, 2, 2))
    right = (poses(truth, names), labelled(truth))
    wrong = (poses(truth + 99, names), labelled(truth, [[True, False]]))
    total = score(names, right)
    total.merge(score(names, wrong))
    assert total.compute() == score(names, right, wrong).compute()
    assert total.compute()["PCK@0.2"] == pytest.approx(100 * 2 / 3)


def test_a_figure_alone_is_that_of_all():
    found = score(MPII, (poses(np.full((2, len(MPII), 2), 3.0), MPII), labelled(np.zeros((2, len(MPII), 2)))))
    expected = found.compute()
    assert {name: found.figure(name) for name in expected} == pytest.approx(expected, nan_ok=True)
    assert math.isnan(found.figure("PCK@0.1/nobody's"))


def test_instances_belong_together_by_number_and_one_without_answer_is_wrong():
    names = ("a", "b")
    truth = np.array([[(10, 10), (20, 20)], [(70, 70), (80, 80)], [(40, 40), (50, 50)]], float)
    target = labelled(truth, instances=[7, 3, 5])
    found = score(names, (poses(truth[[1, 0]], names, ids=[3, 7]), target)).compute()
    assert found["PCK@0.1"] == pytest.approx(100 * 4 / 6)
    assert found["RMSE px"] == 0
    in_order = score(names, (poses(truth, names), target)).compute()
    assert in_order["PCK@0.1"] == 100
    assert in_order["OKS-AP"] == pytest.approx(100)


def test_nothing_visible_is_no_figure_and_no_failure():
    names = ("a", "b")
    hidden = labelled(np.zeros((1, 2, 2)), [[False, False]])
    for frames in ((), ((poses(np.zeros((1, 2, 2)), names), hidden),), ((poses([], names), Keypoints.none(2)),)):
        assert all(math.isnan(value) for value in score(names, *frames).compute().values())


def test_nobody_answered_is_all_wrong():
    names = ("a", "b")
    found = score(names, (poses([], names), labelled(np.zeros((1, 2, 2))))).compute()
    assert (found["PCK@0.2"], found["OKS-AP"]) == (0, 0)
    assert math.isnan(found["RMSE px"])


def test_oks_is_cocos():
    """OKS = exp(-d² / (2 · area · (2σ)²)): one point off by d, of a box of 100x50, area 0.53 · 5000."""
    names = ("left_wrist",)
    area, k = 0.53 * 5000, 2 * 0.062
    for oks in (0.78, 0.52):
        d = math.sqrt(-math.log(oks) * 2 * area * k**2)
        found = score(names, (poses([[(d, 0)]], names), labelled([[(0, 0)]]))).compute()
        thresholds = np.arange(0.5, 1.0, 0.05)
        assert found["OKS-AP"] == pytest.approx(100 * np.mean(oks >= thresholds))
    assert sigmas(("left hip", "nose", "tail_base")) == [0.107, 0.026, 0.05]


def test_other_key_points_than_the_models_are_refused():
    with pytest.raises(StreamdeqError, match="expected 2 key points, got 2 in the answer and 3 in the labels"):
        PoseMetric(("a", "b")).update(poses([], ("a", "b")), Keypoints.none(3))


def test_jitter_is_zero_for_steady_motion_and_the_acceleration_otherwise():
    names = ("a",)
    steady = [poses([[(3 * t, 2 * t)]], names) for t in range(5)]
    assert jitter(steady) == pytest.approx(0, abs=1e-6)
    shaking = [poses([[(3 * t + (t % 2) * 2, 5)]], names) for t in range(6)]
    assert jitter(shaking) == pytest.approx(4)
    assert math.isnan(jitter(steady[:2]))


def test_jitter_follows_ids_and_leaves_unsure_points_out():
    names = ("a",)
    order = ([4, 9], [9, 4], [4, 9])
    place = {4: lambda t: (t * t, 0), 9: lambda t: (50, 50 + t)}
    answers = [poses([[place[i](t)] for i in ids], names, ids) for t, ids in enumerate(order)]
    assert jitter(answers) == pytest.approx((2 + 0) / 2)
    assert math.isnan(jitter([poses([[(0, 0)]], names, scores=0.1)] * 3, least=0.2))


def test_a_box_is_around_the_visible_points_or_the_whole_frame():
    xy = np.array([[(10, 20), (40, 60), (999, 0)], [(5, 5), (6, 6), (7, 7)], [(9, 9), (50, 50), (60, 60)]], np.float32)
    visible = np.array([[1, 1, 0], [1, 1, 1], [1, 0, 0]], bool)
    boxes = boxes_around(xy, visible, (80, 100))
    assert boxes.tolist() == [[10, 20, 40, 60], [0, 0, 100, 80], [0, 0, 100, 80]]


def test_points_in_a_row_have_a_box_of_a_pixels_thickness():
    xy, visible = np.array([[(10, 20), (40, 20)]], np.float32), np.ones((1, 2), bool)
    assert boxes_around(xy, visible, (80, 100)).tolist() == [[10, 19.5, 40, 20.5]]
