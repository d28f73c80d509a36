"""Labels of boxes avoid one another and stay in the frame; boxes are as thin as they are small; trails follow ids."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from streamdeq.running.trails import LENGTH, Trails, draw_trails
from streamdeq.tasks.detection.draw import boxes_and_labels, captions
from streamdeq.tasks.detection.result import Detections
from streamdeq.tasks.labels import covered, places
from streamdeq.values.look import Look
from streamdeq.values.status import Start, Status

HW = (240, 320)


def detections(*boxes: tuple[float, ...], ids: list[int] | None = None) -> Detections:
    count = len(boxes)
    return Detections(
        status=Status(0, 0.0, 1, 1, 0.1, Start.WARM),
        boxes_xyxy=np.array(boxes, np.float32).reshape(count, 4),
        scores=np.full(count, 0.9, np.float32),
        labels=np.zeros(count, np.int64),
        classes=("person",),
        palette=((250, 10, 10),),
        frame_hw=HW,
        ids=None if ids is None else np.array(ids, np.int64),
    )


def overlap(found: list[tuple[int, int, int, int]]) -> float:
    boxes = np.array(found, float)
    return sum(covered(boxes[n : n + 1], boxes[n + 1 :]).sum() for n in range(len(boxes)))


def test_people_in_a_row_have_labels_that_do_not_meet() -> None:
    boxes = np.array([[20 + 18 * n, 100, 50 + 18 * n, 180] for n in range(6)], float)
    assert overlap(places(boxes, [(70, 14)] * 6, HW)) == 0
    plain = [(int(x), int(y) - 14, int(x) + 70, int(y)) for x, y, _, _ in boxes]
    assert overlap(plain) > 1000  # above each, as one would put them


@settings(deadline=None, max_examples=50)
@given(st.lists(st.tuples(*[st.integers(-20, 340)] * 4), max_size=12), st.integers(0, 400))
def test_labels_lie_in_the_frame_wherever_boxes_are(boxes, width) -> None:
    array = np.array([(min(a, c), min(b, d), max(a, c), max(b, d)) for a, b, c, d in boxes], float).reshape(-1, 4)
    found = places(array, [(width, 14)] * len(boxes), HW)
    assert all(left >= 0 and top >= 0 and bottom <= HW[0] for left, top, _, bottom in found)
    assert all(right <= max(HW[1], width) for _, _, right, _ in found)


def test_a_small_box_has_a_thinner_line_than_a_large_one() -> None:
    image, hw = np.zeros((960, 1280, 3), np.uint8), (960, 1280)
    found = replace(detections((100, 100, 700, 700), (900, 100, 920, 140)), frame_hw=hw)
    drawn = boxes_and_labels(image, found, Look(("plain",)))
    red = (drawn == (250, 10, 10)).all(axis=2)
    assert red[400, 90:200].sum() == 4
    assert red[120, 890:910].sum() == 1
    assert not drawn[:90].any()


def test_what_a_label_says_can_be_chosen() -> None:
    found = detections((10, 10, 50, 90), (60, 10, 90, 90), ids=[3, -1])
    assert captions(found) == ["#3 person 0.90", "person 0.90"]
    assert captions(found, Look(("ids",))) == ["#3", ""]
    assert captions(found, Look(("names", "scores"))) == ["person 0.90", "person 0.90"]
    assert captions(found, Look(("plain",))) == ["", ""]


def test_trails_follow_ids_and_forget() -> None:
    trails = Trails()
    for t in range(3):
        paths = trails.see(detections((10 * t, 0, 10 * t + 10, 50), (0, 60, 9, 99), ids=[1, -1]))
    assert paths == {1: ((5.0, 50.0), (15.0, 50.0), (25.0, 50.0))}
    drawn = draw_trails(np.zeros((*HW, 3), np.uint8), paths)
    assert drawn[50, 6:24].any(axis=1).all()
    assert not drawn[60:].any()
    for _ in range(LENGTH):
        trails.see(detections(ids=[]))
    assert trails.see(detections((0, 0, 10, 50), ids=[1])) == {1: ((5.0, 50.0),)}
    assert trails.see(detections((0, 0, 10, 50))) == {}
