"""Figures as a table and as JSON: what is shown for known rows, to the letter."""

import json
import math
from dataclasses import dataclass, replace
from typing import Any

import pytest

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.latency import Latency, Percentiles
from streamdeq.evaluation.protocol.curves import over_the_offset
from streamdeq.evaluation.protocol.plan import Sample, ScoringPlan
from streamdeq.evaluation.protocol.report import EvaluationReport, Header
from streamdeq.evaluation.protocol.rows import ScoreRow, best_single, make_rows, table_blocks
from streamdeq.evaluation.protocol.run import Evaluation
from streamdeq.evaluation.protocol.score import Condition, Mode, Score
from streamdeq.evaluation.reporting.table import Markdown, Style, Text, check_writable, write_json
from streamdeq.tasks import Metric


def text(rows: tuple[ScoreRow, ...] | list[ScoreRow], style: Style | None = None, **options: Any) -> str:
    style = style or Text()
    return style.page("", table_blocks(rows, style, **options), [])


def markdown(rows: tuple[ScoreRow, ...], ms: dict[int, float] | None = None, intervals: bool = False) -> str:
    return text(rows, Markdown(), ms=ms, intervals=intervals).rstrip()


def single(iterations: int, value: float | None) -> ScoreRow:
    return ScoreRow(Mode.SINGLE, "broyden", iterations, None, "mIoU", value, 81, iterations + 1)


def streaming(iterations: int, offset: int, value: float | None) -> ScoreRow:
    return ScoreRow(Mode.STREAMING, "broyden", iterations, offset, "mIoU", value, 81, iterations + 1)


ROWS = (
    single(1, 39.84), single(2, 49.6), single(14, 54.04), single(20, 54.04),
    streaming(1, 0, 39.84), streaming(1, 10, 53.38), streaming(2, 0, 49.6), streaming(2, 10, None),
)  # fmt: skip
HEADER = Header(
    "camvid-s",
    "ab12",
    "camvid",
    "val",
    192,
    "bf16",
    "cpu",
    12.345,
    {"torch": "2.15", "threads": 2, "commit": None},
    population="common",
    baseline=20,
)
FAST = Percentiles(18.12, 20.0, 25.0)
LATENCY = Latency(1, 2, 95, 2, FAST, *(Percentiles(value, value, value) for value in (2.0, 8.0, 3.0, 5.0)))


def test_the_table_shows_from_scratch_streaming_gain_and_nfe_and_marks_the_best_single_frame():
    assert text(ROWS).splitlines() == [
        "iterations  NFE  from scratch    +0   +10  gain at +10",
        "         1    2          39.8  39.8  53.4        +13.5",
        "         2    3          49.6  49.6     –            –",
        "",
        "single frame, by iterations: 1: 39.8, 2: 49.6, 14: 54.0*, 20: 54.0  (* the best)",
    ]


def test_the_curves_are_streaming_over_the_offset_and_levels_from_zeros():
    chart = over_the_offset(ROWS, "camvid-s", 20)
    assert chart is not None
    assert chart.y_name == "mIoU"
    found = {line.name: (line.points, line.dashed) for line in chart.lines}
    assert found == {
        "streaming, 1": (((0, 39.84), (10, 53.38)), False),
        "from scratch, 1": (((0, 39.84), (10, 39.84)), True),
        "streaming, 2": (((0, 49.6),), False),
        "from scratch, 2": (((0, 49.6), (10, 49.6)), True),
        "single frame, 20": (((0, 54.04), (10, 54.04)), True),
    }
    colours = {line.name: line.colour for line in chart.lines}
    assert colours["streaming, 1"] == colours["from scratch, 1"] != colours["streaming, 2"]
    assert over_the_offset(ROWS[:4], "pictures") is None


def test_markdown_is_the_same_table_with_the_milliseconds_that_were_measured():
    assert markdown(ROWS, {1: 18.12}).splitlines() == [
        "| iterations | NFE | from scratch | +0 | +10 | gain at +10 | ms per frame |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        "| 1 | 2 | 39.8 | 39.8 | 53.4 | +13.5 | 18.1 |",
        "| 2 | 3 | 49.6 | 49.6 | – | – | – |",
        "",
        "single frame, by iterations: 1: 39.8, 2: 49.6, 14: **54.0**, 20: 54.0",
    ]


def test_of_equal_single_frames_the_cheapest_is_the_best():
    assert best_single(ROWS) == ROWS[2]
    assert best_single([single(1, None)]) is None


def test_of_errors_the_least_is_the_best():
    errors = [
        replace(single(count, value), metric="RMSE px", error=True) for count, value in ((1, 9.0), (2, 4.0), (4, 4.0))
    ]
    assert best_single(errors) == errors[1]
    streamed = replace(streaming(1, 10, 4.0), metric="RMSE px", error=True)
    assert text([*errors, streamed]).splitlines()[1].split()[-1] == "+5.0"  # pixels fewer than the 9 from scratch


def test_names_stand_to_the_left_and_numbers_to_the_right():
    lines = [["model", "ms"], ["camvid-s", "9.1"], ["", "12.6"]]
    assert Text().table(lines) == ["model       ms", "camvid-s   9.1", "          12.6"]
    assert Markdown().table(lines)[1] == "| --- | ---: |"


def test_without_video_there_is_the_single_frame_line_alone():
    assert text(ROWS[:2]) == "single frame, by iterations: 1: 39.8, 2: 49.6*  (* the best)"


@dataclass
class Known(Metric):
    """A metric that has its figure already; of several the largest counts."""

    value: float
    name: str = "mIoU"

    def update(self, result: object, target: object) -> None:
        raise NotImplementedError

    def merge(self, other: "Known") -> None:
        self.value = max(self.value, other.value)

    def compute(self) -> dict[str, float]:
        return {"mIoU": self.value, "IoU/car": 1.0}


def test_rows_hold_the_tasks_figure_and_none_where_nothing_was_counted():
    pieces: dict[Sample, Metric] = {Sample(0, 1): Known(1.0), Sample(0, 2): Known(2.0)}
    scores = {
        Condition(Mode.SINGLE, 4): Score(Known(54.0), pieces, nfe=5),
        Condition(Mode.STREAMING, 1, 10): Score(Known(math.nan), pieces, nfe=2),
    }
    evaluation = Evaluation("broyden", ScoringPlan(tuple(pieces), ()), scores)
    assert make_rows(evaluation, resamples=0) == (
        ScoreRow(Mode.SINGLE, "broyden", 4, None, "mIoU", 54.0, 2, 5, figures={"mIoU": 54.0, "IoU/car": 1.0}),
        ScoreRow(Mode.STREAMING, "broyden", 1, 10, "mIoU", None, 2, 2, figures={"mIoU": None, "IoU/car": 1.0}),
    )


def test_intervals_are_those_of_the_pieces_and_the_same_frames_are_drawn_for_every_row():
    samples = [Sample(clip, 0) for clip in range(5)]
    pieces: dict[Sample, Metric] = {sample: Known(float(number)) for number, sample in enumerate(samples)}
    nothing: dict[Sample, Metric] = {sample: Known(math.nan) for sample in samples}
    scores = {
        Condition(Mode.SINGLE, 4): Score(Known(4.0), pieces, nfe=4),
        Condition(Mode.STREAMING, 1, 0): Score(Known(4.0), pieces, nfe=1),
        Condition(Mode.STREAMING, 2, 0): Score(Known(math.nan), nothing, nfe=2),
    }
    first, second, empty = make_rows(Evaluation("picard", ScoringPlan(tuple(samples), ()), scores))
    assert (first.low, first.high) == (second.low, second.high) == (2.0, 4.0)  # (3/5)⁵ is 8 %, (2/5)⁵ is 1 %
    assert (empty.low, empty.high) == (None, None)


def test_an_interval_stands_behind_its_figure_where_there_is_one():
    rows = (replace(ROWS[0], low=37.06, high=41.94), replace(ROWS[5], low=50.0, high=55.55), ROWS[7])
    assert markdown(rows, intervals=True).splitlines()[2:] == [
        "| 1 | 2 | 39.8 (37.1–41.9) | 53.4 (50.0–55.5) | +13.5 |",
        "| 2 | 3 | – | – | – |",
        "",
        "single frame, by iterations: 1: **39.8 (37.1–41.9)**",
    ]
    assert "39.8 (37.1–41.9)* " in EvaluationReport(HEADER, rows).render(Text(), intervals=True)


def test_another_figure_of_the_task_can_be_shown():
    evaluation = Evaluation("broyden", ScoringPlan((), ()), {Condition(Mode.SINGLE, 4): Score(Known(54.0))})
    [row] = make_rows(evaluation, 0, "IoU/car")
    assert (row.metric, row.value) == ("IoU/car", 1.0)
    with pytest.raises(StreamdeqError, match="unknown figure 'IoU/cat'; did you mean 'IoU/car'"):
        make_rows(evaluation, 0, "IoU/cat")


def test_streaming_through_whole_clips_has_a_column_of_its_own():
    continuous = (ScoreRow(Mode.CONTINUOUS, "broyden", 1, None, "mIoU", 52.0, 81, 2),)
    assert text(ROWS[:1] + ROWS[4:6] + continuous).splitlines()[:2] == [
        "iterations  NFE  from scratch    +0   +10  gain at +10  continuous",
        "         1    2          39.8  39.8  53.4        +13.5        52.0",
    ]


def test_the_json_file_has_a_header_and_rows_with_the_promised_names(tmp_path):
    write_json(EvaluationReport(HEADER, ROWS, (LATENCY,), ("a note",)).to_plain(), tmp_path / "new" / "table.json")
    found = json.loads((tmp_path / "new" / "table.json").read_text())
    assert list(found) == ["format", "header", "rows", "latency", "notes", "jitter"]
    assert found["header"] == {
        "model": "camvid-s", "hash": "ab12", "data": "camvid", "split": "val", "size": 192, "precision": "bf16",
        "device": "cpu", "seconds": 12.3, "population": "common", "start": "previous", "draw": "",
        "baseline": {"iterations": 20, "chosen": "by the model's description"},
        "torch": "2.15", "threads": 2, "commit": None,
    }  # fmt: skip
    assert found["rows"][5] == {
        "mode": "streaming", "solver": "broyden", "iterations": 1, "offset": 10, "metric": "mIoU", "value": 53.38,
        "frames": 81, "nfe": 2, "low": None, "high": None, "figures": {},
    }  # fmt: skip
    assert (found["rows"][0]["mode"], found["rows"][0]["offset"]) == ("single", None)
    assert found["rows"][7]["value"] is None
    assert found["latency"][0]["total"] == {"p50": 18.12, "p95": 20.0, "p99": 25.0}
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["table.json"]


def test_a_report_says_what_was_measured_on_what():
    shown = EvaluationReport(HEADER, ROWS, (LATENCY,), ("a note",)).render(Text()).splitlines()
    assert shown[0] == (
        "mIoU of camvid-s on camvid, val, the same 81 frames in every figure; broyden, 192 px, bf16, cpu, 2 threads"
    )
    assert shown[2].endswith("ms per frame")
    assert shown[-4:] == [
        "ms per frame at 1 iterations: p50 18.1, p95 20.0, p99 25.0 "
        "(inject 2.0, solve 8.0, head 3.0, decode 5.0; 95 frames)",
        "population: the labelled frames with at least 10 frames before them",
        "baseline: 54.0, the single frame at 20 iterations, which the model's description names; the best of several "
        "was chosen on these very frames",
        "a note",
    ]


def test_a_file_that_cannot_be_written_is_found_out_before_the_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StreamdeqError, match="it is a folder; give the name of a file"):
        check_writable(tmp_path)
    with pytest.raises(StreamdeqError, match="cannot write to"):
        check_writable(tmp_path / "file" / "table.json")
