"""mIoU with answers worked out by hand."""

import math

import numpy as np
import pytest
import torch

from streamdeq.errors import StreamdeqError
from streamdeq.tasks.segmentation.metric import ConfusionMatrix


def scored(labels, target, classes: int = 3) -> ConfusionMatrix:
    matrix = ConfusionMatrix(classes)
    matrix.update(np.array(labels, dtype=np.uint8), np.array(target, dtype=np.uint8))
    return matrix


def test_a_worked_example():
    # class 0: hit 2, union 3; class 1: hit 1, union 3; class 2: hit 1, union 2
    matrix = scored([[0, 0, 1], [1, 2, 0]], [[0, 0, 1], [2, 2, 1]])
    assert matrix.iou.tolist() == pytest.approx([2 / 3, 1 / 3, 1 / 2])
    assert matrix.miou == pytest.approx(100 * (2 / 3 + 1 / 3 + 1 / 2) / 3)


def test_perfect_labels_score_one_hundred_points():
    assert scored([[0, 1, 2]], [[0, 1, 2]]).miou == 100.0


def test_a_class_absent_from_both_is_skipped_and_nan():
    matrix = scored([[0, 1]], [[0, 1]])
    assert math.isnan(matrix.iou[2])
    assert matrix.miou == 100.0


def test_a_class_only_predicted_counts_as_zero():
    matrix = scored([[0, 2]], [[0, 0]])
    assert matrix.iou[2] == 0
    assert matrix.miou == pytest.approx(100 * (0.5 + 0) / 2)


def test_ignored_pixels_do_not_count_at_all():
    with_ignored = scored([[0, 1, 2, 2]], [[0, 1, 255, 255]])
    assert torch.equal(with_ignored.counts, scored([[0, 1]], [[0, 1]]).counts)


def test_the_mean_is_over_the_split_and_not_over_pictures():
    matrix = ConfusionMatrix(2)
    matrix.update(np.array([[0, 0, 0, 0]]), np.array([[0, 0, 0, 0]]))
    matrix.update(np.array([[0, 1]]), np.array([[1, 1]]))
    assert matrix.miou == pytest.approx(100 * (4 / 5 + 1 / 2) / 2)  # a mean of pictures would be 62.5


def test_a_prediction_that_is_no_class_is_a_miss_and_nobodys_false_positive():
    matrix = scored([[0, 255]], [[0, 1]])
    assert matrix.iou[:2].tolist() == [1.0, 0.0]
    assert math.isnan(matrix.iou[2])


def test_matrices_of_parts_add_up_to_that_of_the_whole():
    rng = np.random.default_rng(0)
    labels, target = rng.integers(0, 3, (2, 4, 8, 8))
    whole = scored(labels, target)
    parts = scored(labels[:1], target[:1])
    parts.merge(scored(labels[1:], target[1:]))
    assert torch.equal(whole.counts, parts.counts)


def test_nothing_counted_is_nan_and_not_zero():
    assert math.isnan(ConfusionMatrix(3).miou)


def test_a_size_mismatch_and_a_foreign_class_are_named():
    with pytest.raises(StreamdeqError, match=r"size \(1, 2\), got \(1, 3\)"):
        scored([[0, 0, 0]], [[0, 0]])
    with pytest.raises(StreamdeqError, match=r"targets 0\.\.2 or 255, got 0\.\.7"):
        scored([[0, 0]], [[0, 7]])
