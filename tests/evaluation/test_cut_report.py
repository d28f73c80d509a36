"""What the study of cuts shows for known figures: rows, tables and charts."""

from dataclasses import dataclass
from typing import Any

import pytest

from streamdeq.evaluation.cuts.clips import CutClip
from streamdeq.evaluation.cuts.detection import CutScore, CutTrace
from streamdeq.evaluation.cuts.recovery import RecoveryCurve
from streamdeq.evaluation.cuts.report import (
    detection_cells,
    detection_row,
    recovery_cells,
    recovery_chart,
    recovery_rows,
    residual_chart,
)
from streamdeq.streaming.cut import FromZeros, KeepGoing


@dataclass
class Known:
    """A metric that has its figure already."""

    value: float
    name: str = "mIoU"

    def update(self, result: Any, target: Any) -> None: ...

    def merge(self, other: Any) -> None: ...

    def compute(self) -> dict[str, float]:
        return {self.name: self.value}

    def figure(self, name: str) -> float:
        return self.value


def curve(response: Any, nfe: int, *values: float) -> RecoveryCurve:
    return RecoveryCurve(response, 1, nfe, [Known(value) for value in values])


CURVES = [curve(None, 1, 60, 60, 60), curve(KeepGoing(3), 4, 40, 59.8, 60), curve(FromZeros(), 2, 20, 30, 40)]


def test_a_recovery_is_shown_beside_the_stream_without_a_cut():
    rows = recovery_rows("streets", 7, CURVES)
    assert [(row["lost"], row["recovered"], row["cuts"]) for row in rows] == [(0, 0, 7), (20.2, 1, 7), (90, None, 7)]
    assert recovery_cells(rows) == [
        ["response", "NFE on the cut's frame", "+0", "+1", "+2", "points lost", "recovered at"],
        ["no cut", "1", "60.0", "60.0", "60.0", "0.0", "+0"],
        ["keep going + 3", "4", "40.0", "59.8", "60.0", "20.2", "+1"],
        ["from zeros", "2", "20.0", "30.0", "40.0", "90.0", "later"],
    ]
    chart = recovery_chart(rows)
    assert [(line.name, line.dashed) for line in chart.lines] == [
        ("no cut (1)", True), ("keep going + 3 (4)", False), ("from zeros (2)", False),
    ]  # fmt: skip


def test_a_detection_is_shown_with_what_lies_between_cuts_and_the_rest():
    score = CutScore(frames=90, cuts=3, delays=(0, 1), alarms=4, missed=1)
    row = detection_row("streets", "residual, 1 it.", score, (1.25, float("nan")))
    assert (row["precision"], row["recall"]) == (pytest.approx(1 / 3), pytest.approx(2 / 3))
    assert detection_cells([row])[1] == ["streets", "90", "3", "residual, 1 it.", "2", "1", "1", "4", "1.25", "–"]
    assert detection_cells([detection_row("streets", "picture", score)])[1][-2:] == ["", ""]


def test_a_frames_first_residual_is_drawn_over_what_would_make_it_a_cut():
    trace = CutTrace((2,), ((1.0,), (1.0, 0.4), (0.4, 0.9)))
    chart = residual_chart(CutClip("clip", (), (2,)), trace, 1)
    residuals, thresholds = (line.points for line in chart.lines)
    assert residuals == ((0, 1.0), (1, 0.4), (2, 0.9))
    assert thresholds == ((1, 1.25), (2, 1.25))
    assert chart.marks == (2,)
