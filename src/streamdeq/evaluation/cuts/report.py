"""Tables and charts of how cuts are found and how answers recover from them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from streamdeq.evaluation.bootstrap import NOTHING
from streamdeq.evaluation.cuts.clips import CutClip
from streamdeq.evaluation.cuts.detection import CutScore, CutTrace
from streamdeq.evaluation.cuts.recovery import RecoveryCurve, frames_to_recover, lost
from streamdeq.evaluation.reporting.chart import COLOURS, Chart, Line
from streamdeq.evaluation.reporting.table import Cells
from streamdeq.streaming.cut import FromZeros, KeepGoing, ResidualCut, Response

#: A line of a table, as it stands in the JSON file.
Record = Mapping[str, Any]

NO_CUT = "no cut"
#: The responses that are drawn, and their colours.
DRAWN = {NO_CUT: 0, "keep going": 1, "keep going + 1": 6, "keep going + 3": 3, "from zeros": 5, "from zeros + 2": 2}
#: The frames after a cut that are shown.
SHOWN = (0, 1, 2, 3, 4, 6, 8, 12)


def detection_row(clips: str, detector: str, score: CutScore, margin: tuple[float, float] | None = None) -> Record:
    """What a detector found in a group of clips; `margin` as of `detection.margins`."""
    row = {"films": clips, "detector": detector, **asdict(score), "margin": margin}
    return row | {"precision": score.precision, "recall": score.recall}


def detection_cells(rows: Sequence[Record]) -> list[Cells]:
    heading = ["clips", "frames", "cuts", "detector", "found", "late", "missed", "false alarms", "quiet ≤", "cuts ≥"]
    return [heading, *map(_detection_line, rows)]


def recovery_rows(clips: str, cases: int, curves: Sequence[RecoveryCurve]) -> list[Record]:
    """A row for every curve, the first of which saw no cut."""
    return [
        {
            "films": clips, "cuts": cases, "metric": curve.metrics[0].name, "iterations": curve.iterations,
            "response": response_name(curve.response), "nfe": curve.nfe, "points": [round(p, 3) for p in curve.points],
            "lost": round(lost(curve, curves[0]), 3), "recovered": frames_to_recover(curve, curves[0]),
        }
        for curve in curves
    ]  # fmt: skip


def recovery_cells(rows: Sequence[Record]) -> list[Cells]:
    shown = [n for n in SHOWN if n < len(rows[0]["points"])]
    heading = ["response", "NFE on the cut's frame", *(f"+{n}" for n in shown), "points lost", "recovered at"]
    cells = [heading]
    for row in rows:
        figures = [f"{row['points'][n]:.1f}" for n in shown]
        at = "later" if row["recovered"] is None else f"+{row['recovered']}"
        cells.append([row["response"], str(row["nfe"]), *figures, f"{row['lost']:.1f}", at])
    return cells


def response_name(response: Response | None) -> str:
    if response is None:
        return NO_CUT
    words = {KeepGoing: "keep going", FromZeros: "from zeros"}[type(response)]
    return f"{words} + {response.extra}" if response.extra else words


def residual_chart(clip: CutClip, trace: CutTrace, iterations: int) -> Chart:
    """The first residual of every frame, and what would make it a cut."""
    detector = ResidualCut()
    residuals = tuple((float(t), value[-1]) for t, value in enumerate(trace.values))
    thresholds = [(t + 1.0, max(detector.floor, detector.factor * max(value))) for t, value in enumerate(trace.values)]
    return Chart(
        f"First residual of every frame, {clip.name}, {_per_frame(iterations)}",
        "frame (vertical: cuts)",
        "relative residual",
        (
            Line("first residual", residuals, COLOURS[1]),
            Line("what makes a cut", tuple(thresholds[:-1]), COLOURS[2], dashed=True),
        ),
        marks=tuple(map(float, clip.cuts)),
        y_range=(0, 1.5),
    )


def recovery_chart(rows: Sequence[Record]) -> Chart:
    """Of one group and number of iterations: no cut, both responses plain, and at equal cost."""
    lines = []
    for row in rows:
        if (name := row["response"]) in DRAWN:
            points = tuple((float(n), point) for n, point in enumerate(row["points"]))
            plain = name == NO_CUT
            lines.append(Line(f"{name} ({row['nfe']})", points, COLOURS[DRAWN[name]], dashed=plain, dots=not plain))
    title = f"After a cut, {rows[0]['films']}, {_per_frame(rows[0]['iterations'])} (NFE on its frame)"
    return Chart(title, "frames since the cut", rows[0]["metric"], tuple(lines))


def _detection_line(row: Record) -> Cells:
    late = sum(delay > 0 for delay in row["delays"])
    quiet, cuts = ("", "") if row["margin"] is None else (NOTHING if v != v else f"{v:.2f}" for v in row["margin"])
    figures = map(str, (len(row["delays"]), late, row["missed"], row["alarms"]))
    return [row["films"], str(row["frames"]), str(row["cuts"]), row["detector"], *figures, quiet, cuts]


def _per_frame(iterations: int) -> str:
    return f"{iterations} iteration{'s' * (iterations > 1)} per frame"
