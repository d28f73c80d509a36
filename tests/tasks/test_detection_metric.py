"""Mean average precision: known answers, and the reference implementation's numbers."""

import math
from dataclasses import replace

import numpy as np
import pytest
from support.coco_reference import coco_stats

from streamdeq.errors import StreamdeqError
from streamdeq.tasks.detection import Detections
from streamdeq.tasks.detection.metric import MeanAveragePrecision
from streamdeq.values.boxes import Boxes
from streamdeq.values.status import Start, Status

STATUS = Status(0, 0.0, 1, 1, 0.5, Start.COLD)
CLASSES = ("person", "car", "never")
PERSON, CAR = 0, 1


def found(*rows: tuple[float, float, float, float, float, int]) -> Detections:
    table = np.array(rows, np.float32).reshape(-1, 6)
    boxes, scores, labels = table[:, :4], table[:, 4], table[:, 5].astype(np.int64)
    return Detections(
        status=STATUS, boxes_xyxy=boxes, scores=scores, labels=labels, classes=CLASSES, palette=((0, 0, 0),) * 3,
        frame_hw=(200, 200),
    )  # fmt: skip


def labelled(*rows: tuple[float, float, float, float, int], **more: list) -> Boxes:
    table = np.array(rows, np.float32).reshape(-1, 5)
    kinds = {"ignore": bool, "motion": np.float32}
    return Boxes(table[:, :4], table[:, 4].astype(np.int64), **{k: np.array(v, kinds[k]) for k, v in more.items()})


def score(*frames: tuple[Detections, Boxes]) -> dict[str, float]:
    metric = MeanAveragePrecision(CLASSES)
    for result, target in frames:
        metric.update(result, target)
    return metric.compute()


A, B = (10, 10, 50, 90), (100, 20, 160, 80)


def test_what_is_found_and_sure_is_a_hundred_points_and_what_is_missed_costs_recall():
    both = labelled((*A, PERSON), (*B, PERSON))
    assert score((found((*A, 0.9, PERSON), (*B, 0.8, PERSON)), both))["mAP@50"] == pytest.approx(100)
    # One of two found: precision 1 up to recall 1/2, which 51 of the 101 recalls are.
    assert score((found((*A, 0.9, PERSON)), both))["mAP@50"] == pytest.approx(100 * 51 / 101)


def test_a_wrong_one_costs_only_if_it_is_surer_than_a_right_one():
    one = labelled((*A, PERSON))
    assert score((found((*A, 0.9, PERSON), (*B, 0.8, PERSON)), one))["mAP@50"] == pytest.approx(100)
    assert score((found((*A, 0.7, PERSON), (*B, 0.8, PERSON)), one))["mAP@50"] == pytest.approx(50)


def test_an_iou_of_three_quarters_counts_at_six_of_the_ten_thresholds():
    scores = score((found((10, 10, 50, 70, 0.9, PERSON)), labelled((*A, PERSON))))
    assert (scores["mAP@50"], scores["mAP@[.5:.95]"]) == (pytest.approx(100), pytest.approx(60))


def test_a_class_without_objects_is_in_no_mean_and_costs_nothing():
    scores = score((found((*A, 0.9, PERSON), (*B, 0.99, CAR)), labelled((*A, PERSON))))
    assert scores["mAP@50"] == pytest.approx(100)
    assert {name for name in scores if name.startswith("AP@50/")} == {"AP@50/person"}


def test_frames_without_objects_are_where_wrong_ones_are_found():
    right = (found((*A, 0.8, PERSON)), labelled((*A, PERSON)))
    assert score(right, (found(), labelled()))["mAP@50"] == pytest.approx(100)
    assert score(right, (found((*B, 0.9, PERSON)), labelled()))["mAP@50"] == pytest.approx(50)


def test_without_any_object_or_any_detection_the_figure_is_defined():
    assert math.isnan(score()["mAP@50"])
    assert math.isnan(score((found((*A, 0.9, PERSON)), labelled()))["mAP@[.5:.95]"])
    assert score((found(), labelled((*A, PERSON))))["mAP@50"] == 0


def test_boxes_without_area_count_nowhere():
    flat = (10, 10, 10, 90, PERSON)
    assert math.isnan(score((found(), labelled(flat)))["mAP@50"])
    assert score((found((*A, 0.9, PERSON)), labelled(flat, (*A, PERSON))))["mAP@50"] == pytest.approx(100)


def test_whoever_lies_in_a_crowd_is_neither_right_nor_wrong():
    target = labelled((*A, PERSON), (90, 0, 200, 100, PERSON), ignore=[False, True])
    scores = score((found((*B, 0.95, PERSON), (*A, 0.9, PERSON)), target))
    assert scores["mAP@50"] == pytest.approx(100)
    assert math.isnan(score((found(), labelled((*A, PERSON), ignore=[True])))["mAP@50"])


def test_boxes_at_the_border_are_like_others():
    corner = (0, 0, 200, 200)
    assert score((found((*corner, 0.9, CAR)), labelled((*corner, CAR))))["AP@50/car"] == pytest.approx(100)


def test_labels_that_are_no_class_are_refused():
    with pytest.raises(StreamdeqError, match=r"expected labels 0\.\.2, got 3\.\.3; check the data set"):
        score((found(), labelled((*A, 3))))


def test_speeds_are_told_apart_by_how_an_object_covers_itself():
    target = labelled(
        (*A, PERSON),
        (*B, PERSON),
        (0, 100, 40, 199, PERSON),
        (150, 100, 199, 199, PERSON),
        motion=[0.95, 0.9, 0.3, np.nan],
    )
    frame = found((*A, 0.9, PERSON), (0, 100, 40, 199, 0.8, PERSON), (150, 100, 199, 199, 0.7, PERSON))
    scores = score((frame, target))
    assert scores["mAP@50 slow"] == pytest.approx(100)
    assert scores["mAP@50 medium"] == 0
    assert scores["mAP@50 fast"] == pytest.approx(100)
    assert scores["mAP@50"] == pytest.approx(100 * 76 / 101)  # three of four
    # A wrong one is wrong at every speed.
    wrong = found((60, 100, 90, 199, 0.95, PERSON), (*A, 0.9, PERSON))
    assert score((wrong, target))["mAP@50 slow"] == pytest.approx(50)


def test_merging_is_the_same_as_having_seen_all_and_twice_counts_twice():
    frames = [some_frame(seed) for seed in range(6)]
    whole = score(*frames)
    parts = [MeanAveragePrecision(CLASSES) for _ in frames]
    for part, (result, target) in zip(parts, frames, strict=True):
        part.update(result, target)
    total = MeanAveragePrecision(CLASSES)
    for part in parts:
        total.merge(part)
    assert total.compute() == whole
    twice, drawn = MeanAveragePrecision(CLASSES), (0, 0, 3)
    for number in drawn:
        twice.merge(parts[number])
    assert twice.compute() == score(*(frames[number] for number in drawn))


def test_a_figure_alone_is_the_same_to_the_bit():
    """Whatever is merged, and how often: what matches within a frame is found once for all resamples."""
    rng = np.random.default_rng(0)
    parts = []
    for seed in range(20):
        result, target = some_frame(seed)
        part = MeanAveragePrecision(CLASSES)
        part.update(result, replace(target, motion=rng.uniform(0.5, 1, len(target)).astype(np.float32)))
        parts.append(part)
    for _ in range(10):
        drawn, fresh = MeanAveragePrecision(CLASSES), MeanAveragePrecision(CLASSES)
        for number in rng.integers(0, len(parts), len(parts)):
            drawn.merge(parts[number])
            fresh.update(parts[number].frames[0].result, parts[number].frames[0].target)
        expected = fresh.compute()
        assert {name: drawn.figure(name) for name in expected} == expected
        assert {"mAP@50", "mAP@[.5:.95]", "mAP@50 fast", "AP@50/car"} <= set(expected)
    assert math.isnan(drawn.figure("AP@50/never"))
    assert math.isnan(MeanAveragePrecision(CLASSES).figure("mAP@50"))


# -- the reference ---------------------------------------------------------------------------------------------


def some_frame(seed: int) -> tuple[Detections, Boxes]:
    """Objects, crowds, jittered detections of most of them, and some of nothing."""
    rng = np.random.default_rng(seed)
    count = int(rng.integers(0, 9))
    corner, size = rng.uniform(0, 120, (count, 2)), rng.uniform(8, 70, (count, 2))
    boxes = np.concatenate([corner, corner + size], axis=1)
    labels = rng.integers(0, 2, count)
    target = labelled(
        *((*box, label) for box, label in zip(boxes, labels, strict=True)), ignore=rng.random(count) < 0.15
    )
    rows = []
    for box, label in zip(boxes, labels, strict=True):
        for _ in range(int(rng.integers(0, 3))):
            rows.append(
                (*(box + rng.normal(0, 4, 4)), rng.uniform(0.05, 1), label if rng.random() < 0.9 else 1 - label)
            )
    for _ in range(int(rng.integers(0, 4))):
        x, y = rng.uniform(0, 120, 2)
        rows.append((x, y, x + 30, y + 30, rng.uniform(0.05, 1), rng.integers(0, 2)))
    rows = [row for row in rows if row[2] > row[0] + 1 and row[3] > row[1] + 1]
    return found(*sorted(rows, key=lambda row: -row[4])), target


def reference(frames: list[tuple[Detections, Boxes]]) -> tuple[float, float]:
    """mAP@50 and mAP@[.5:.95] by pycocotools."""
    annotations = []
    for n, (_, target) in enumerate(frames, start=1):
        for box, label, ignore in zip(
            target.xyxy.tolist(), target.labels.tolist(), target.ignore.tolist(), strict=True
        ):
            w, h = box[2] - box[0], box[3] - box[1]
            about = {"image_id": n, "category_id": label + 1, "bbox": [*box[:2], w, h], "area": w * h}
            annotations.append({"id": len(annotations) + 1, "iscrowd": int(ignore), **about})
    stats = coco_stats("bbox", [result for result, _ in frames], annotations, CLASSES)
    return 100 * stats[1], 100 * stats[0]


@pytest.mark.parametrize("seed", range(4))
def test_the_figures_are_those_of_pycocotools(seed):
    frames = [some_frame(100 * seed + k) for k in range(30)]
    scores = score(*frames)
    expected = reference(frames)
    assert (scores["mAP@50"], scores["mAP@[.5:.95]"]) == pytest.approx(expected, abs=1e-9)
    assert 5 < expected[0] < 95  # a case worth comparing


def test_who_is_taken_for_whom_is_counted_once_by_the_best_overlap_of_those_that_are_shown():
    metric = MeanAveragePrecision(CLASSES)
    far, crowd = (10, 120, 50, 160), (150, 120, 190, 190)
    target = labelled((*A, PERSON), (*B, PERSON), (*far, CAR), (*crowd, PERSON), ignore=[0, 0, 0, 1])
    shifted = (14, 10, 54, 90)
    answers = found(
        (*A, 0.9, PERSON), (*shifted, 0.95, PERSON),  # twice the same: one is nothing
        (*B, 0.8, CAR), (*far, 0.4, CAR),  # taken for another, too unsure to be shown
        (*crowd, 0.9, PERSON),  # neither right nor wrong
    )  # fmt: skip
    metric.update(answers, target)
    told = metric.confusion()
    assert (told.rows, told.columns) == ((*CLASSES, "nothing"), (*CLASSES, "missed"))
    assert told.counts.tolist() == [[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0]]


def test_the_curve_is_that_of_the_classes_that_occur():
    metric = MeanAveragePrecision(CLASSES)
    assert metric.precision_recall() == {}
    metric.update(found((*A, 0.7, PERSON), (*B, 0.8, PERSON)), labelled((*A, PERSON)))
    [(name, (recall, precision))] = metric.precision_recall().items()
    assert name == "person"
    assert (recall[0], recall[-1], len(recall)) == (0, 1, 101)
    assert precision == pytest.approx(np.full(101, 0.5))  # the surer one is wrong
