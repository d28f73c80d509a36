"""People in a stream: each in a row of its own, whose answer depends on nobody else."""

import json

import numpy as np
import pytest
from support.pose_models import FILM, NAMES, pose_model
from support.small_models import tiny_model

from streamdeq.api import Model
from streamdeq.errors import StreamdeqError
from streamdeq.running.options import RunOptions
from streamdeq.running.run import Run
from streamdeq.streaming.options import StreamOptions
from streamdeq.tasks.pose import Poses
from streamdeq.values.status import Start


def moving(*starts: tuple[float, float]):
    """A function of the picture that gives boxes 30 wide and 40 high, a pixel further with every call."""
    calls = iter(range(10_000))

    def boxes(image: np.ndarray) -> np.ndarray:
        t = next(calls)
        return np.array([(x + t, y, x + t + 30, y + 40) for x, y in starts])

    return boxes


def answers(model: Model, boxes, iterations: int = 2) -> list[Poses]:
    with model.stream(iterations, boxes=boxes) as stream:
        return [stream(image) for image in FILM]


def same(a: Poses, n: int, b: Poses, m: int) -> None:
    assert np.allclose(a.keypoints_xy[n], b.keypoints_xy[m], rtol=1e-5, atol=1e-3)
    assert np.allclose(a.scores[n], b.scores[m], rtol=1e-5, atol=1e-5)


def test_three_together_are_as_each_alone():
    model, places = pose_model(), [(5, 5), (60, 20), (80, 50)]
    all_three = answers(model, moving(*places))
    assert [len(answer) for answer in all_three] == [3] * len(FILM)
    for n, place in enumerate(places):
        for together, alone in zip(all_three, answers(model, moving(place)), strict=True):
            same(together, n, alone, 0)


def test_two_streams_in_turn_are_as_one_after_the_other():
    model = pose_model()
    first, second = answers(model, moving((5, 5))), answers(model, moving((60, 20)))
    with model.stream(2, boxes=moving((5, 5))) as a, model.stream(2, boxes=moving((60, 20))) as b:
        for image, one, two in zip(FILM, first, second, strict=True):
            same(a(image), 0, one, 0)
            same(b(image), 0, two, 0)


def test_an_answer_is_in_the_frames_pixels_and_names_its_crop():
    model = pose_model()
    [answer, *_] = answers(model, lambda image: [(40, 30, 80, 70)])
    assert answer.crops_xyxy.tolist() == [[35, 25, 85, 75]]
    low, high = answer.keypoints_xy.min(), answer.keypoints_xy.max()
    assert low > 25 - 5
    assert high < 85 + 5
    # The same crop given as a picture of its own has the same answer, shifted.
    alone = model.solve(np.ascontiguousarray(FILM[0][25:75, 35:85]), 2)
    assert np.allclose(answer.keypoints_xy - (35, 25), alone.keypoints_xy, atol=1e-3)


def test_rows_open_and_close_as_people_come_and_go_and_warm_ones_stay_warm():
    model, a, b = pose_model(), (5, 5, 45, 60), (70, 20, 110, 80)
    shown = iter([[], [a], [a, b], [b], [], [a]])
    with model.stream(1, boxes=lambda image: next(shown)) as stream:
        seen = []
        for image in FILM:
            answer = stream(image)
            rows = stream.state.rows
            seen.append((answer.ids.tolist() if answer.ids is not None else [], [row.status.start for row in rows]))
        warm, cold = Start.WARM, Start.COLD
        assert seen == [
            ([], []), ([0], [cold]), ([0, 1], [warm, cold]), ([1], [warm]), ([], []), ([2], [cold]),
        ]  # fmt: skip
        [pool] = stream.state.engine._pools.values()
        assert pool.rows == 1
    assert pool.rows == 0


def test_with_patience_who_lost_the_box_is_looked_for_where_it_was_and_comes_back_warm():
    model, a = pose_model(), (5, 5, 45, 60)
    shown = iter([[a], [], [a], [], [], [a]])
    with model.stream(1, boxes=lambda image: next(shown), patience=1) as stream:
        found = [stream(image) for image in FILM]
    assert [answer.ids.tolist() for answer in found if len(answer)] == [[0], [0], [0], [0], [1]]
    assert len(found[4]) == 0
    assert [answer.status.start for answer in found[:3]] == [Start.COLD, Start.WARM, Start.WARM]
    assert np.array_equal(found[1].crops_xyxy, found[0].crops_xyxy)
    with pytest.raises(StreamdeqError, match="patience must be at least 0 frames; got -1"):
        model.stream(1, patience=-1)
    with pytest.raises(StreamdeqError, match="--patience is for instances that may lose their box; give --boxes"):
        model.stream(1, patience=1)


def test_a_frame_without_anybody_has_an_answer_that_says_so():
    model = pose_model()
    for boxes in ([], [(50, 50, 50, 50)], [(500, 500, 600, 600)]):
        [answer, *_] = answers(model, lambda image, boxes=boxes: boxes)
        assert len(answer) == 0
        assert (answer.status.frame_index, answer.status.nfe) == (0, 0)
        assert model.task.record(answer) == {"instances": []}
        assert np.array_equal(model.draw(FILM[0], answer), FILM[0])
        assert answer.change_from(answer) == 0


def test_forty_people_are_answered_at_once():
    model = pose_model()
    boxes = [(3 * n, n, 3 * n + 8, n + 20) for n in range(40)]
    with model.stream(1, boxes=lambda image: boxes) as stream:
        for image in FILM[:2]:
            answer = stream(image)
    assert answer.keypoints_xy.shape == (40, 3, 2)
    assert len(set(answer.ids.tolist())) == 40
    with model.stream(1, boxes=lambda image: boxes[7:8]) as stream:
        alone = [stream(image) for image in FILM[:2]][-1]
    place = [crop.tolist() for crop in answer.crops_xyxy].index(alone.crops_xyxy[0].tolist())
    same(answer, place, alone, 0)


def test_boxes_that_show_nothing_are_left_out_and_change_nothing_for_the_others():
    model, good = pose_model(), (20, 20, 60, 70)
    bad = [
        (50, 50, 50, 90),
        (50, 50, 90, 50),
        (-80, 10, -5, 60),
        (200, 0, 400, 90),
        (90, 50, 50, 90),
        (0, 0, np.nan, 9),
    ]
    for answer, alone in zip(
        answers(model, lambda image: [*bad[:3], good, *bad[3:]]), answers(model, lambda image: [good]), strict=True
    ):
        assert len(answer) == 1
        same(answer, 0, alone, 0)


def test_of_a_box_partly_outside_the_part_inside_is_looked_at():
    model = pose_model()
    [answer, *_] = answers(model, lambda image: [(-60, 30, 40, 70)])
    [inside, *_] = answers(model, lambda image: [(0, 30, 40, 70)])
    assert answer.crops_xyxy.tolist() == [[-5, 25, 45, 75]]
    same(answer, 0, inside, 0)
    # What of the crop lies outside the frame is black.
    black = np.zeros((50, 50, 3), np.uint8)
    black[:, 5:] = FILM[0][25:75, :45]
    corner = np.array((-5, 25))
    assert np.allclose(answer.keypoints_xy - corner, model.solve(black, 2).keypoints_xy, atol=1e-3)


def test_of_more_people_than_a_hundred_the_hundred_largest_are_answered():
    boxes = [(n % 12 * 10, n // 12 * 8, n % 12 * 10 + 6 + n / 20, n // 12 * 8 + 8) for n in range(120)]
    with pose_model().stream(1, boxes=lambda image: boxes) as stream:
        assert len(stream(FILM[0])) == 100


def test_points_that_nothing_is_seen_of_are_answered_with_low_scores_and_not_drawn():
    model = pose_model()
    model.functions.head.final_layer.weight.zero_()
    [answer, *_] = answers(model, lambda image: [(20, 20, 60, 70)])
    assert np.isfinite(answer.keypoints_xy).all()
    assert (answer.scores == 0).all()
    assert np.array_equal(model.draw(FILM[0], answer), FILM[0])
    [record] = model.task.record(answer)["instances"]
    assert [point[2] for point in record["keypoints"].values()] == [0, 0, 0]


def test_budgets_and_hand_work_go_over_all_rows():
    model, places = pose_model(), ((5, 5), (60, 20))
    with model.stream(20, tolerance=1e-2, boxes=moving(*places)) as stream:
        results = [stream(image) for image in FILM]
    assert all(result.status.residual <= 1e-2 or result.status.nfe == 20 for result in results)
    with model.stream(1, boxes=moving(*places)) as stream:
        stream.observe(FILM[0])
        stream.iterate()
        stream.iterate()
        by_hand = stream.read()
        assert (len(by_hand), by_hand.status.nfe) == (2, 2)
        fork = stream.state.clone()
        stream.iterate()
        assert [row.evaluations for row in fork.rows] == [2, 2]


def test_boxes_are_refused_where_whole_frames_are_looked_at():
    for boxes in (lambda image: [], "nowhere.safetensors"):
        with pytest.raises(StreamdeqError, match="segmentation looks at whole frames"):
            tiny_model().stream(1, boxes=boxes)
    with pytest.raises(StreamdeqError, match="boxes: expected a file, a detection model or a function, got int"):
        pose_model().stream(1, boxes=7)


def test_a_run_with_boxes_from_a_file_leaves_a_video_and_lines(tmp_path):
    path = tmp_path / "boxes.json"
    path.write_text(json.dumps({str(t): [[20 + t, 20, 60 + t, 70]] * (t > 0) for t in range(6)}))
    work = Run(pose_model(), FILM, RunOptions(stream=StreamOptions(1), save=tmp_path / "out", boxes=str(path)))
    with work.results() as results:
        assert [len(result) for result in results] == [0, 1, 1, 1, 1, 1]
    lines = [json.loads(line) for line in work.paths["jsonl"].read_text().splitlines()]
    assert lines[0]["instances"] == []
    [one] = lines[3]["instances"]
    assert (one["id"], sorted(one["keypoints"])) == (0, sorted(NAMES))
    for line in lines:
        parts = [line["latency_ms"][stage] for stage in ("locate", "inject", "solve", "head")]
        assert line["answer_ms"] == pytest.approx(sum(parts), abs=0.003)
    assert work.summary.latency_ms()["p99"] <= max(line["answer_ms"] for line in lines) + 0.001
    assert work.paths["video"].stat().st_size > 0


def test_an_answer_becomes_supervisions_and_cocos_and_is_drawn():
    model = pose_model()
    [answer, *_] = answers(model, moving((5, 5), (60, 20)))
    points = answer.to_supervision()
    assert np.array_equal(points.xy, answer.keypoints_xy)
    [first, _] = answer.to_coco(3)
    assert (first["image_id"], len(first["keypoints"])) == (3, 9)
    assert first["keypoints"][:2] == pytest.approx(answer.keypoints_xy[0, 0].tolist())
    assert answer.point("hand").shape == (2, 2)
    with pytest.raises(StreamdeqError, match="unknown key point 'foo'; did you mean 'foot'"):
        answer.point("foo")
    drawn = model.draw(FILM[0], answer)
    assert drawn.shape == FILM[0].shape
    assert not np.array_equal(drawn, FILM[0])
    with pytest.raises(StreamdeqError, match="expected the frame the poses are of"):
        model.draw(FILM[0][:50], answer)
    assert answer[1].ids.tolist() == [1]
    assert answer.change_from(answer[:1]) == pytest.approx(0.5)
