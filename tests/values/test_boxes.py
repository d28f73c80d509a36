"""Boxes as a value: what is one, what is some of them, how they overlap."""

import numpy as np
import pytest

from streamdeq.values import UNKNOWN
from streamdeq.values.boxes import Boxes, pairwise_iou


def test_what_is_not_said_is_unknown():
    boxes = Boxes(np.array([[0, 0, 4, 4], [2, 0, 2, 9]], np.float32), np.array([1, 0]))
    assert boxes.ignore.tolist() == [False, False]
    assert boxes.instances.tolist() == [UNKNOWN, UNKNOWN]
    assert np.isnan(boxes.motion).all()
    assert boxes.visible.tolist() == [True, False]
    assert (len(boxes[boxes.visible]), len(Boxes.none())) == (1, 0)


def test_a_copy_is_the_callers_own():
    boxes = Boxes(np.array([[0, 0, 4, 4]], np.float32), np.array([1]))
    boxes.copy().xyxy[:] = 9
    assert boxes.xyxy.max() == 4
    assert boxes.nbytes == 16 + 8 + 1 + 8 + 4


@pytest.mark.parametrize(
    ("xyxy", "message"),
    [
        ([[0, 0, 4]], r"xyxy must be \(1, 4\) float32; got \(1, 3\)"),
        ([[4, 0, 0, 4]], "left <= right"),
        ([[0, 0, np.nan, 4]], "finite"),
    ],
)
def test_what_is_no_box_is_refused(xyxy, message):
    with pytest.raises(ValueError, match=message):
        Boxes(np.array(xyxy, np.float32), np.array([0]))


def test_overlap_is_intersection_over_union_and_none_without_area():
    boxes = np.array([[0, 0, 4, 4], [2, 0, 6, 4], [0, 0, 0, 4]], np.float32)
    np.testing.assert_allclose(pairwise_iou(boxes, boxes), [[1, 1 / 3, 0], [1 / 3, 1, 0], [0, 0, 0]])
    assert pairwise_iou(boxes[:0], boxes).shape == (0, 3)
