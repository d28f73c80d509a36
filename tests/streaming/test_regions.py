"""Windows follow boxes and stay put where they can; boxes come from files and functions."""

import json

import numpy as np
import pytest

from streamdeq.errors import StreamdeqError
from streamdeq.streaming.locate import FromFunction, read_boxes
from streamdeq.streaming.regions import Follow, Followed
from streamdeq.values.boxes import Located
from streamdeq.values.frame import Frame
from streamdeq.values.geometry import Window

HW = (200, 300)


def follow(*frames: list, policy: Follow | None = None, ids: list | None = None) -> list[dict[int, Window]]:
    policy, followed, seen = policy or Follow(), Followed(), []
    for n, boxes in enumerate(frames):
        numbers = None if ids is None else np.array(ids[n])
        followed = policy.update(followed, Located(np.array(boxes, float).reshape(-1, 4), numbers), HW)
        seen.append({track.key: track.window for track in followed.tracks})
    return seen


def test_a_window_stays_while_its_box_lies_well_in_it():
    first, second, third = follow([(100, 50, 180, 130)], [(104, 53, 182, 133)], [(125, 50, 205, 130)])
    assert first == second == {0: Window(90, 40, 190, 140)}
    assert third == {0: Window(115, 40, 215, 140)}  # the box left the window: a new one around it


def test_a_window_moves_when_its_box_has_grown_or_shrunk():
    for box in ((95, 45, 191, 141), (120, 70, 160, 110)):
        windows = follow([(100, 50, 180, 130)], [box])
        assert windows[1][0] == Window.around(np.array(box))


def test_who_comes_gets_a_new_number_and_who_goes_never_comes_back_under_the_old_one():
    a, b = (10, 10, 60, 90), (150, 20, 210, 120)
    seen = follow([a], [a, b], [b], [], [a, b])
    assert [sorted(windows) for windows in seen] == [[0], [0, 1], [1], [], [2, 3]]


def test_boxes_in_another_order_keep_their_numbers():
    a, b = (10, 10, 60, 90), (150, 20, 210, 120)
    seen = follow([a, b], [b, a])
    assert seen[0] == seen[1]


def test_given_ids_are_the_numbers():
    a, b = (10, 10, 60, 90), (150, 20, 210, 120)
    seen = follow([a, b], [b], [a, a], ids=[[7, 4], [4], [5, 5]])
    assert [sorted(windows) for windows in seen] == [[4, 7], [4], [5]]


def test_a_box_without_an_id_gets_none_that_was_given():
    policy, a, b = Follow(), (10, 10, 60, 90), (150, 20, 210, 120)
    followed = policy.update(Followed(), Located(np.array([a], float), np.array([0])), HW)
    followed = policy.update(followed, Located(np.array([b, a], float)), HW)
    assert {track.key: track.box for track in followed.tracks} == {0: a, 1: b}


def test_a_box_that_its_tracker_is_not_sure_of_is_left_out():
    a, b = (10, 10, 60, 90), (150, 20, 210, 120)
    seen = follow([a, b], [a, b], ids=[[-1, -1], [-1, 3]])
    assert [sorted(windows) for windows in seen] == [[], [3]]


def test_patience_holds_a_window_for_a_box_that_was_missed():
    a = (10, 10, 60, 90)
    seen = follow([a], [], [a], [], [], [], policy=Follow(patience=2))
    assert [sorted(windows) for windows in seen] == [[0], [0], [0], [0], [0], []]


@pytest.mark.parametrize(
    "box",
    [(50, 50, 50, 90), (50, 50, 90, 50), (90, 50, 50, 90), (-80, 10, -5, 60), (310, 0, 400, 90), (0, 0, np.nan, 9)],
)
def test_a_box_without_area_or_outside_the_frame_is_none(box):
    assert follow([box]) == [{}]


def test_a_box_partly_outside_is_cut_to_the_frame():
    assert follow([(-40, -1e9, 80, 100)]) == [{0: Window.around(np.array([0, 0, 80, 100]))}]


def test_there_are_no_more_than_are_asked_for_and_the_largest_win():
    boxes = [(0, 0, 10 + n, 10 + n) for n in range(5)]
    [windows] = follow(boxes, policy=Follow(most=2))
    assert {window.hw for window in windows.values()} == {Window.around(np.array(box)).hw for box in boxes[-2:]}


def frame(index: int) -> Frame:
    return Frame(np.zeros((*HW, 3), np.uint8), index, 0.0)


def test_boxes_are_read_by_frame_from_json_and_from_a_detectors_lines(tmp_path):
    plain, lines = tmp_path / "boxes.json", tmp_path / "boxes.jsonl"
    plain.write_text(json.dumps({"0": [[1, 2, 3, 4]], "2": []}))
    read = read_boxes(plain)
    assert read(frame(0)).boxes_xyxy.tolist() == [[1, 2, 3, 4]]
    assert read(frame(0)).ids is None
    assert len(read(frame(1)).boxes_xyxy) == len(read(frame(2)).boxes_xyxy) == 0
    objects = [{"class": "person", "box_xyxy": [1, 2, 3, 4], "id": 8}]
    lines.write_text(json.dumps({"index": 5, "objects": objects}) + "\n" + json.dumps({"index": 6, "failed": True}))
    located = read_boxes(lines)(frame(5))
    assert (located.boxes_xyxy.tolist(), located.ids.tolist()) == ([[1, 2, 3, 4]], [8])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[]", "expected an object from frame number to boxes"),
        ("{", "expected JSON in"),
        ('{"one": []}', "expected a frame number in frame one"),
        ('{"0": [[1, 2, 3]]}', r"expected boxes \[left, top, right, bottom\] in frame 0"),
        ('{"0": [[1, 2, 3, "x"]]}', r"expected boxes \[left, top, right, bottom\] in frame 0"),
        ('{"0": [{"box": 1}]}', r"expected boxes \[left, top, right, bottom\] in frame 0"),
        (f'{{"0": [{{"box_xyxy": [1, 2, 3, 4], "id": {10**24}}}]}}', r"in frame 0 of .*boxes\.json, got .*'id': 1000"),
        (f'{{"0": [[1, 2, 3, {10**400}]]}}', r"expected boxes \[left, top, right, bottom\] in frame 0"),
        ('{"0": [[100, 60, 50, 40]]}', r"got \[100.0, 60.0, 50.0, 40.0\]: x, y, width, height are no corners"),
        ('{"0": [[NaN, 10, 60, 100]]}', "in frame 0 of .*: NaN is no place"),
        ('{"0": [[1, 2, Infinity, 4]]}', "in frame 0 of .*: NaN is no place"),
        ("{}", "expected boxes in .*, found none"),
        ('{"0": [], "1": []}', "expected boxes in .*, found none"),
        ('{"0": 7}', r"expected boxes \[left, top, right, bottom\] in frame 0"),
    ],
)
def test_a_wrong_file_of_boxes_is_named(tmp_path, text, message):
    path = tmp_path / "boxes.json"
    path.write_text(text)
    with pytest.raises(StreamdeqError, match=message):
        read_boxes(path)
    with pytest.raises(StreamdeqError, match="cannot be read"):
        read_boxes(tmp_path / "none.json")


def test_any_function_can_say_where_to_look():
    assert FromFunction(lambda image: [(1, 2, 3, 4)])(frame(0)).boxes_xyxy.shape == (1, 4)
    assert FromFunction(lambda image: [])(frame(0)).boxes_xyxy.shape == (0, 4)
    wrong = Located(np.zeros((2, 4)), np.zeros(3))
    with pytest.raises(StreamdeqError, match="expected boxes"):
        Follow().update(Followed(), wrong, HW)
