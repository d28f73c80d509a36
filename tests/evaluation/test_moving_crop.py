"""What a moving crop costs: the scored picture is the same whatever the speed."""

from itertools import pairwise

import numpy as np
import pytest
from support.pose_models import pose_model
from support.pose_trees import NAMES, square_table

from streamdeq.data.open import open_dataset
from streamdeq.evaluation.bootstrap import Interval
from streamdeq.evaluation.moving_crop import (
    REACH,
    CropMotion,
    cells,
    difference,
    measure_motions,
    slide,
    to_plain,
    windows_of,
    zoom,
)
from streamdeq.evaluation.protocol.run import evaluate
from streamdeq.evaluation.protocol.settings import Settings
from streamdeq.values.geometry import Window


def test_a_crop_slides_by_a_share_of_its_side_and_zooms_around_its_middle():
    window = Window(100, 50, 200, 150)
    assert slide(window, 0.08, 0.0) == Window(108, 50, 208, 150)
    assert slide(window, 0.5, np.pi / 2) == Window(100, 100, 200, 200)
    assert zoom(window, 0.1, 0.0) == Window(95, 45, 205, 155)


def test_the_crop_goes_to_and_fro_at_its_speed_and_ends_where_it_is_scored():
    last = Window(100, 50, 200, 150)
    lefts = [window.left for window in windows_of(last, CropMotion(1, speed=0.08), frames=6, angle=0.0)]
    assert lefts == [108, 100, 108, 116, 108, 100]
    for speed in (0.02, 0.04, 0.08, 0.16):
        windows = windows_of(last, CropMotion(1, speed=speed), frames=11, angle=0.0)
        assert windows[-1] == last
        assert {abs(b.left - a.left) for a, b in pairwise(windows)} == {round(100 * speed)}
        assert max(window.left for window in windows) <= 100 + 100 * REACH
    assert windows_of(last, CropMotion(1), frames=3, angle=1.0) == [last] * 3


def test_a_crop_that_stands_still_scores_as_the_protocol_does(tmp_path):
    model = pose_model(names=NAMES)
    dataset = open_dataset(str(square_table(tmp_path / "squares")), "val")
    clips = [clip for clip in dataset.scored(NAMES).clips if clip.labelled == (3,)]
    still, moving = CropMotion(2), CropMotion(2, speed=0.08, carried=True)
    costs = measure_motions(model, clips, [still, moving])
    scores = evaluate(model, dataset, Settings(iterations=(2,), offsets=(3,))).scores
    [score] = [score for condition, score in scores.items() if condition.offset == 3]
    [theirs] = [piece for sample, piece in score.pieces.items() if sample.t == 3]
    [ours] = costs[still].pieces.values()
    assert ours.figure("RMSE px") == pytest.approx(theirs.figure("RMSE px"), rel=1e-4)
    assert costs[moving].total.figure("RMSE px") != ours.figure("RMSE px")
    assert difference(costs[still], costs[still]) == Interval(0, 0)
    lines = cells(to_plain(costs))
    assert [line[:3] for line in lines[1:]] == [["2", "stands still", "stays"], ["2", "slides 8 %", "moved"]]
