"""Jitter of streams beside that of converged answers: known paths, and a real model."""

import math
from dataclasses import replace

import numpy as np
import pytest
from support.pose_models import FILM, NAMES, pose_model

from streamdeq.evaluation.jitter.measure import CONVERGED, TIMES, Answers, SolveSetting, measure_jitter, stream_all
from streamdeq.evaluation.jitter.report import jitter_chart
from streamdeq.streaming.options import StartFrom
from streamdeq.tasks.pose import Poses
from streamdeq.values.boxes import Located
from streamdeq.values.status import Start, Status

STREAMED = SolveSetting(1)


def at(x: float, side: float = 200) -> Poses:
    """One point at (x, 0) in a crop of that side."""
    return Poses(
        status=Status(0, 0.0, 1, 1, 0.5, Start.COLD),
        keypoints_xy=np.array([[[x, 0]]], np.float32),
        scores=np.ones((1, 1), np.float32),
        crops_xyxy=np.array([[0, 0, side, side / 2]], np.float32),
        names=("a",),
        skeleton=(),
        frame_hw=(100, 200),
    )


def video(streamed: list[float], converged: list[float]) -> Answers:
    return {STREAMED: [at(x) for x in streamed], CONVERGED: [at(x) for x in converged]}


def test_figures_are_accelerations_and_distances_in_pixels_and_of_the_crop():
    shaking, twice = [0, 2, 0, 2, 0, 2], [1, 5, 1, 5, 1, 5]
    [row, reference] = measure_jitter([video(shaking, twice)], CONVERGED, skip=0)
    assert row.figures == pytest.approx(
        {"jitter px": 4, "jitter %": 2, TIMES: 0.5, "distance px": 2, "distance %": 1}, abs=1e-9
    )
    assert row.triples == 4
    assert (row.times.low, row.times.high) == pytest.approx((0.5, 0.5))
    assert reference.figures["jitter px"] == pytest.approx(8)
    assert reference.figures[TIMES] == pytest.approx(1)
    assert reference.figures["distance px"] == 0


def test_points_that_converged_answers_are_not_sure_of_do_not_count_whatever_the_streamed_ones_say():
    both = video([0, 2, 0, 2, 0, 2], [1, 5, 1, 5, 1, 5])
    both[CONVERGED][4] = replace(both[CONVERGED][4], scores=np.full((1, 1), 0.19, np.float32))
    both[STREAMED][1] = replace(both[STREAMED][1], scores=np.zeros((1, 1), np.float32))
    [row, _] = measure_jitter([both], CONVERGED, skip=0)
    assert (row.triples, row.figures["jitter px"]) == (2, pytest.approx(4))


def test_a_constant_answer_is_steady_and_far():
    [row, _] = measure_jitter([video([7] * 6, [0, 3, 9, 18, 30, 45])], CONVERGED, skip=0)
    assert row.figures["jitter px"] == row.figures[TIMES] == 0
    assert row.figures["distance px"] == pytest.approx(np.mean([4, 2, 11, 23]))


def test_the_first_frames_of_every_video_do_not_count_and_videos_are_pooled():
    settled = video([50, 0, 0, 0, 0, 0], [0] * 6)
    shaking = video([90, 0, 2, 0, 2, 0], [0] * 6)
    [row, _] = measure_jitter([settled, shaking], CONVERGED, skip=1)
    assert row.triples == 6
    assert row.figures["jitter px"] == pytest.approx((0 + 4) / 2)
    assert math.isnan(row.figures[TIMES])  # converged stands still


def test_too_short_a_video_has_no_figures():
    [row, _] = measure_jitter([video([0] * 7, [0] * 7)], CONVERGED)
    assert (row.triples, row.times, row.to_plain()["figures"]["jitter px"]) == (0, None, None)
    assert measure_jitter([video([0] * 8, [0] * 8)], CONVERGED)[0].triples == 1


def test_all_ways_see_the_same_boxes_and_each_is_a_stream_of_its_own():
    model, asked = pose_model(), []

    def where(frame):
        asked.append(frame.index)
        t = frame.index
        return Located(np.array([(5 + t, 5, 35 + t, 45), (60, 20 + t, 90, 60 + t)]))

    found = stream_all(model, FILM, [STREAMED, CONVERGED], where)
    assert asked == list(range(len(FILM)))
    with model.stream(1, boxes=lambda image: where_again[len(seen)]) as stream:
        seen: list[Poses] = []
        where_again = [Located(np.array([(5 + t, 5, 35 + t, 45), (60, 20 + t, 90, 60 + t)])) for t in range(len(FILM))]
        for image in FILM:
            seen.append(stream(image))
    for ours, theirs, converged in zip(found[STREAMED], seen, found[CONVERGED], strict=True):
        assert np.allclose(ours.keypoints_xy, theirs.keypoints_xy, atol=1e-3)
        assert (ours.crops_xyxy == converged.crops_xyxy).all()
        assert converged.status.start is Start.COLD
        assert ours.names == NAMES


def test_without_boxes_the_whole_frame_is_looked_at():
    found = stream_all(pose_model(), FILM[:3], [STREAMED])
    assert [answer.crops_xyxy.tolist() for answer in found[STREAMED]] == [[[0, 0, 128, 96]]] * 3


def test_the_chart_has_both_figures_over_the_iterations_and_the_level_of_converged_answers():
    one = video([0, 2, 0, 2, 0, 2], [1, 5, 1, 5, 1, 5])
    one[SolveSetting(1, StartFrom.ZEROS)] = one[STREAMED]
    one[CONVERGED] = one.pop(CONVERGED)  # the last
    chart = jitter_chart("bee", measure_jitter([one], skip=0))
    assert [(line.name, line.dashed) for line in chart.lines] == [
        ("jitter, streaming", False), ("jitter, from scratch", True), ("distance, streaming", False),
        ("distance, from scratch", True), ("jitter, single at 20", True),
    ]  # fmt: skip
    assert chart.lines[0].points == ((1, pytest.approx(2)),)
