"""Curves of a streaming evaluation over the offset, as in the paper's figures."""

import os
from collections import defaultdict
from collections.abc import Sequence

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.report import EvaluationReport
from streamdeq.evaluation.protocol.rows import ScoreRow
from streamdeq.evaluation.protocol.score import Mode
from streamdeq.evaluation.reporting.chart import COLOURS, Chart, Line, save


def draw_curves(report: EvaluationReport, path: str | os.PathLike[str]) -> None:
    """The report's figure over the offset as a PNG, whole or not at all.

    Raises:
        StreamdeqError: nothing was scored while streaming, or the file cannot be written.
    """
    chart = over_the_offset(report.rows, f"{report.header.model} on {report.header.split}", report.header.baseline)
    if chart is None:
        raise StreamdeqError(f"no curve for {path}: only single pictures were scored")
    save(chart, path)


def over_the_offset(rows: Sequence[ScoreRow], title: str, baseline: int | None = None) -> Chart | None:
    """Per iteration count a solid line (streaming, by frames since its start) and a dashed one of the same colour (each
    frame from zeros); dashed black is the single frame at `baseline` iterations. None where nothing streamed."""
    along: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for row in rows:
        if row.mode is Mode.STREAMING and row.offset is not None and row.value is not None:
            along[row.iterations].append((float(row.offset), row.value))
    if not along:
        return None
    offsets = [x for points in along.values() for x, _ in points]

    def level(row: ScoreRow) -> tuple[tuple[float, float], ...]:
        return tuple((x, row.value or 0.0) for x in (min(offsets), max(offsets)))

    scratch = {row.iterations: row for row in rows if row.mode is Mode.SINGLE and row.value is not None}
    lines = []
    for number, (count, points) in enumerate(along.items()):
        colour = COLOURS[1 + number % (len(COLOURS) - 1)]
        lines.append(Line(f"streaming, {count}", tuple(sorted(points)), colour, dots=True))
        if count in scratch:
            lines.append(Line(f"from scratch, {count}", level(scratch[count]), colour, dashed=True))
    if baseline in scratch:
        lines.append(Line(f"single frame, {baseline}", level(scratch[baseline]), COLOURS[0], dashed=True))
    return Chart(title, "frames since the start", rows[0].metric, tuple(lines))
