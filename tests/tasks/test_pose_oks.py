"""The average precision of key points: the reference implementation's numbers on frames of many people."""

import math

import numpy as np
import pytest
from support.coco_reference import coco_stats

from streamdeq.tasks.pose import Poses
from streamdeq.tasks.pose.metric import PoseMetric
from streamdeq.values.keypoints import Keypoints
from streamdeq.values.status import Start, Status

#: COCO's 17 points, and its sigmas as its own evaluation has them by default.
NAMES = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
SIDE = 400


def some_frame(seed: int, most: int = 9) -> tuple[Poses, Keypoints]:
    """People, some with hidden points and some with none, jittered answers for most, and some about nobody."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, most))
    size = rng.uniform(20, 150, (count, 1, 2))
    xy = (rng.uniform(0, SIDE - 150, (count, 1, 2)) + rng.uniform(0, 1, (count, len(NAMES), 2)) * size).astype(
        np.float32
    )
    visible = rng.random(xy.shape[:2]) < rng.choice([0.0, 0.5, 0.9], (count, 1), p=[0.1, 0.3, 0.6])
    boxes = np.concatenate([xy.min(axis=1), xy.max(axis=1)], axis=1)
    areas = (0.4 * (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)).astype(np.float32)
    target = Keypoints(xy, visible, boxes, area_px=areas)
    kept = np.flatnonzero(rng.random(count) < 0.9)
    answered = xy[kept] + rng.normal(0, 0.06, xy[kept].shape) * size[kept] * rng.uniform(0, 2, (len(kept), 1, 1))
    nobody = rng.uniform(0, SIDE, (int(rng.integers(0, 3)), len(NAMES), 2))
    every = np.concatenate([answered, nobody]).astype(np.float32)
    crops = np.zeros((len(every), 4), np.float32)
    scores = rng.uniform(0, 1, every.shape[:2]).astype(np.float32)
    status = Status(0, 0.0, 1, 1, 0.5, Start.COLD)
    poses = Poses(
        status=status, keypoints_xy=every, scores=scores, crops_xyxy=crops, names=NAMES, skeleton=(),
        frame_hw=(SIDE, SIDE),
    )  # fmt: skip
    return poses, target


def reference(frames: list[tuple[Poses, Keypoints]]) -> float:
    """AP@[.5:.95] by pycocotools."""
    annotations = []
    for n, (_, target) in enumerate(frames, start=1):
        for k in range(len(target)):
            left, top, right, bottom = target.boxes_xyxy[k].tolist()
            flags = 2.0 * target.visible[k]
            about = {
                "image_id": n,
                "category_id": 1,
                "bbox": [left, top, right - left, bottom - top],
                "area": float(target.area_px[k]),
                "iscrowd": 0,
                "keypoints": np.column_stack([target.xy[k], flags]).ravel().tolist(),
                "num_keypoints": int(target.visible[k].sum()),
            }
            annotations.append({"id": len(annotations) + 1, **about})
    return 100 * coco_stats("keypoints", [result for result, _ in frames], annotations, ("person",))[0]


def ours(frames: list[tuple[Poses, Keypoints]]) -> float:
    metric = PoseMetric(NAMES)
    for result, target in frames:
        metric.update(result, target)
    return metric.figure("OKS-AP")


@pytest.mark.parametrize("seed", range(4))
def test_the_figure_is_that_of_pycocotools(seed):
    frames = [some_frame(100 * seed + k) for k in range(30)]
    expected = reference(frames)
    assert ours(frames) == pytest.approx(expected, abs=1e-9)
    assert 5 < expected < 95  # a case worth comparing


def test_of_a_crowd_twenty_answers_count_as_there():
    frames = [some_frame(k, most=60) for k in range(5)]
    assert max(len(result) for result, _ in frames) > 40
    assert ours(frames) == pytest.approx(reference(frames), abs=1e-9)


def test_people_without_a_visible_point_are_neither_to_be_found_nor_wrong_to_find():
    result, target = next(
        frame for frame in map(some_frame, range(100)) if len(frame[1]) > 2 and frame[1].visible.any()
    )
    hidden = Keypoints(target.xy, np.zeros_like(target.visible), target.boxes_xyxy, area_px=target.area_px)
    seen = [some_frame(k) for k in range(20, 30)]
    assert ours([*seen, (result, hidden)]) == pytest.approx(reference([*seen, (result, hidden)]), abs=1e-9)
    assert math.isnan(ours([(result, hidden)]))
