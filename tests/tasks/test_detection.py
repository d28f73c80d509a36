"""Detections as a user meets them: the result, what is chosen of it, its picture."""

import json
from dataclasses import replace

import numpy as np
import pytest
import supervision as sv
import torch

from streamdeq.errors import StreamdeqError
from streamdeq.models.architecture import Architecture
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import Choice, build_task
from streamdeq.tasks.detection import Detections
from streamdeq.tasks.detection.head import Found
from streamdeq.tasks.detection.task import SHOWN
from streamdeq.values.geometry import Geometry
from streamdeq.values.status import Start, Status

STATUS = Status(3, 0.12, 1, 1, 0.5, Start.WARM)
CLASSES, PALETTE = ("person", "car"), ((220, 40, 40), (40, 40, 220))
SPEC = ModelSpec("t", "detection", Architecture((8, 16), 2, 1), CLASSES, PALETTE, 32)
TASK = build_task(SPEC)


def detections(*rows: tuple[float, float, float, float, float, int], ids: list[int] | None = None) -> Detections:
    """Rows of left, top, right, bottom, score, label in a frame of 120 × 200."""
    table = np.array(rows, np.float32).reshape(-1, 6)
    return Detections(
        status=STATUS,
        boxes_xyxy=table[:, :4],
        scores=table[:, 4],
        labels=table[:, 5].astype(np.int64),
        classes=CLASSES,
        palette=PALETTE,
        frame_hw=(120, 200),
        ids=None if ids is None else np.array(ids, np.int64),
    )


SOME = detections((10, 20, 30, 80, 0.9, 0), (100, 50, 160, 90, 0.6, 1), (0, 0, 12, 40, 0.2, 0), ids=[7, -1, 8])


def test_an_index_gives_some_of_them_and_a_number_gives_one():
    assert len(SOME) == 3
    assert SOME[SOME.scores > 0.5].names == ["person", "car"]
    assert SOME[1:].ids.tolist() == [-1, 8]
    assert SOME[-1].scores.tolist() == pytest.approx([0.2])
    assert len(SOME[[2, 0]]) == 2
    with pytest.raises(IndexError):
        SOME[3]


def test_classes_and_scores_choose():
    assert SOME.of("car").labels.tolist() == [1]
    assert len(SOME.of("car", "person").above(0.6)) == 2
    with pytest.raises(StreamdeqError, match="unknown class 'cars'; did you mean 'car'"):
        SOME.of("cars")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes_xyxy": np.zeros((2, 4), np.float32)}, r"boxes_xyxy must be \(3, 4\) float32; got \(2, 4\)"),
        ({"scores": np.zeros(3)}, r"scores must be \(3,\) float32; got \(3,\) float64"),
        ({"labels": np.zeros(3, np.int32), "ids": None}, "int64"),
        ({"ids": np.zeros(2, np.int64)}, r"ids must be \(3,\)"),
        ({"palette": PALETTE[:1]}, "one colour per class; got 1 for 2"),
        ({"labels": np.array([0, 1, 2])}, "labels must be below 2"),
    ],
)
def test_what_is_no_detection_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Detections(**{**vars(SOME), **change})


def test_the_change_is_what_does_not_overlap():
    moved = detections((10, 20, 30, 80, 0.9, 0), (100, 50, 160, 90, 0.6, 1))
    assert SOME.change_from(SOME) == pytest.approx(0, abs=1e-12)
    assert SOME.change_from(moved) == pytest.approx(0.2 / 3.2)
    other_class = detections((10, 20, 30, 80, 0.9, 1))
    assert SOME[:1].change_from(other_class) == 1
    half = detections((10, 20, 30, 50, 0.9, 0))  # IoU 1/2
    assert SOME[:1].change_from(half) == pytest.approx(0.5)
    none = detections()
    assert (none.change_from(none), none.change_from(SOME), SOME.change_from(none)) == (0, 1, 1)


def test_supervision_gets_all_there_is():
    theirs = SOME.to_supervision()
    assert isinstance(theirs, sv.Detections)
    np.testing.assert_array_equal(theirs.xyxy, SOME.boxes_xyxy)
    assert theirs.class_id.tolist() == [0, 1, 0]
    assert theirs.tracker_id.tolist() == [7, -1, 8]
    assert theirs.data["class_name"].tolist() == ["person", "car", "person"]
    assert len(detections().to_supervision()) == 0


def test_coco_gets_widths_and_its_own_numbers_of_classes():
    first, second = json.loads(json.dumps(SOME[:2].to_coco(5, category_ids=(1, 18))))
    assert first == {"image_id": 5, "category_id": 1, "bbox": [10, 20, 20, 60], "score": pytest.approx(0.9)}
    assert second["category_id"] == 18
    assert SOME[1].to_coco(5)[0]["category_id"] == 2


def test_a_mot_file_has_a_line_for_whoever_has_an_id_and_without_tracking_for_all():
    assert SOME.to_mot() == [
        "4,7,10.00,20.00,20.00,60.00,0.9000,-1,-1,-1",
        "4,8,0.00,0.00,12.00,40.00,0.2000,-1,-1,-1",
    ]
    assert detections((1, 1, 2, 3, 0.9, 0)).to_mot() == ["4,-1,1.00,1.00,1.00,2.00,0.9000,-1,-1,-1"]


def test_the_record_is_json_with_boxes_in_pixels():
    objects = json.loads(json.dumps(TASK.record(SOME)))["objects"]
    assert objects[0] == {"class": "person", "score": 0.9, "box_xyxy": [10, 20, 30, 80], "id": 7}
    assert "id" not in TASK.record(detections((1, 1, 2, 2, 0.9, 0)))["objects"][0]


# -- what a user chooses ---------------------------------------------------------------------------------------


def test_a_user_sees_sure_ones_of_the_classes_they_want():
    assert TASK.chooser(Choice())(SOME).scores.min() >= SHOWN
    assert TASK.chooser(Choice(conf=0.1, classes=("person",)))(SOME).names == ["person", "person"]
    with pytest.raises(StreamdeqError, match=r"--conf: expected a score in 0–1, got 1\.5"):
        TASK.chooser(Choice(conf=1.5))
    with pytest.raises(StreamdeqError, match="--classes: unknown class 'cat'; did you mean 'car'"):
        TASK.chooser(Choice(classes=("cat",)))


def test_an_object_keeps_its_id_while_it_moves_and_one_that_crosses_it_gets_another():
    chooser = TASK.chooser(Choice(track=True))
    seen = []
    for t in range(8):
        walker, car = (10 + 3 * t, 20, 30 + 3 * t, 80, 0.9, 0), (100 - 5 * t, 50, 160 - 5 * t, 90, 0.8, 1)
        unsure = (*walker[:4], 0.3, 0) if t == 5 else walker
        found = replace(detections(unsure, car), status=replace(STATUS, frame_index=t, time_s=t / 25))
        seen.append(chooser(found))
    assert seen[0].ids.tolist() == [-1, -1]
    for one in (*seen[2:5], *seen[6:]):
        assert dict(zip(one.names, one.ids.tolist(), strict=True)) == {"person": 1, "car": 2}
    assert seen[5].names == ["car"]  # the walker is too unsure to be shown, and not forgotten
    empty = replace(detections(), status=replace(STATUS, time_s=1.0))
    assert chooser(empty).ids.tolist() == []


def ids_shown(scores: tuple[float, ...], conf: float | None = None) -> list[list[int]]:
    """Of an object that stands still, seen with these scores."""
    chooser = TASK.chooser(Choice(conf=conf, track=True))
    frames = (
        replace(detections((10, 20, 30, 80, score, 0)), status=replace(STATUS, frame_index=t, time_s=t / 25))
        for t, score in enumerate(scores)
    )
    return [chooser(one).ids.tolist() for one in frames]


def test_unsure_boxes_carry_on_an_object_that_is_known_and_begin_none():
    assert ids_shown((0.9, 0.9, 0.9, 0.3, 0.3, 0.9)) == [[-1], [1], [1], [], [], [1]]
    assert ids_shown((0.3, 0.3, 0.3, 0.9, 0.9)) == [[], [], [], [-1], [1]]
    assert ids_shown((0.9, 0.9, 0.07, 0.9)) == [[-1], [1], [], [1]]


def test_a_box_that_is_shown_without_tracking_is_shown_with_it():
    assert ids_shown((0.07, 0.9, 0.9, 0.07, 0.04), conf=0.05) == [[-1], [-1], [1], [1], []]
    assert ids_shown((0.07, 0.07, 0.07), conf=0.05) == [[-1], [-1], [-1]]


# -- decode ----------------------------------------------------------------------------------------------------


class Known(torch.nn.Module):
    """A head whose detections, in canvas pixels, are known."""

    def detect(self, outputs: None, content_hw: tuple[int, int]) -> Found:
        assert content_hw == (32, 53)
        boxes = torch.tensor([[8.0, 4.0, 16.0, 32.0], [40.0, 0.0, 53.0, 32.0]])
        return Found(boxes, torch.tensor([0.75, 0.5]), torch.tensor([1, 0]))


def test_boxes_come_back_in_the_frames_own_pixels_and_none_leaves_it():
    geometry = Geometry.fit((120, 200), 32, 8)  # scaled by 32/120 up and down, 53/200 along, padded to 32 × 56
    result = TASK.decode(None, geometry, STATUS, Known())
    np.testing.assert_allclose(result.boxes_xyxy[0], [8 * 200 / 53, 15, 16 * 200 / 53, 120], rtol=1e-6)
    np.testing.assert_allclose(result.boxes_xyxy[1, 2:], [200, 120])
    assert result.names == ["car", "person"]
    assert (result.frame_hw, result.status) == ((120, 200), STATUS)


# -- the picture -----------------------------------------------------------------------------------------------


def test_a_box_has_the_colour_of_its_class_and_the_rest_is_the_frame():
    image = np.full((120, 200, 3), 100, np.uint8)
    drawn = TASK.draw(image, detections((100, 50, 160, 90, 0.6, 1)))
    assert (image == 100).all()
    assert drawn[70, 100].tolist() == list(PALETTE[1])
    assert (drawn[95:, :90] == 100).all()
    assert (TASK.draw(image, detections()) == image).all()


def test_with_ids_objects_are_drawn_apart_and_boxes_at_the_border_are_no_trouble():
    image = np.full((120, 200, 3), 100, np.uint8)
    drawn = TASK.draw(image, detections((0, 0, 200, 120, 0.9, 0), (190, 110, 200, 120, 0.9, 0), ids=[1, 2]))
    assert (drawn != image).any()


def test_a_picture_of_another_size_is_refused():
    with pytest.raises(StreamdeqError, match=r"uint8 \(120, 200, 3\), got uint8 \(60, 100, 3\)"):
        TASK.draw(np.zeros((60, 100, 3), np.uint8), SOME)
