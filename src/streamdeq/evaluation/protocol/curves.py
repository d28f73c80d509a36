"""Curves of a streaming evaluation over the offset, as in the paper's figures."""

import os
from collections.abc import Sequence

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.report import EvaluationReport
from streamdeq.evaluation.protocol.rows import ScoreRow, best_single
from streamdeq.evaluation.protocol.run import Mode
from streamdeq.evaluation.reporting.chart import COLOURS, Chart, Line, save


def draw_curves(report: EvaluationReport, path: str | os.PathLike[str]) -> None:
    """The report's figure over the offset as a PNG, whole or not at all.

    Raises:
        StreamdeqError: nothing was scored while streaming, or the file cannot be written.
    """
    chart = over_the_offset(report.rows, f"{report.header.model} on {report.header.split}")
    if chart is None:
        raise StreamdeqError(f"no curve for {path}: only single pictures were scored")
    save(chart, path)


def over_the_offset(rows: Sequence[ScoreRow], title: str) -> Chart | None:
    """Per iteration count a solid line (streaming, by frames since the start from zeros) and a dashed one of the same
    colour (each frame from zeros); dashed black is the single frame at its best count. None where nothing streamed."""
    streaming = [row for row in rows if row.mode is Mode.STREAMING and row.offset is not None and row.value is not None]
    if not streaming:
        return None
    offsets = sorted({row.offset for row in streaming if row.offset is not None})
    scratch = {row.iterations: row.value for row in rows if row.mode is Mode.SINGLE and row.value is not None}
    lines = []
    for number, count in enumerate(dict.fromkeys(row.iterations for row in streaming)):
        colour = COLOURS[1 + number % (len(COLOURS) - 1)]
        along = tuple(
            sorted((float(row.offset or 0), row.value or 0.0) for row in streaming if row.iterations == count)
        )
        lines.append(Line(f"streaming, {count}", along, colour, dots=True))
        if count in scratch:
            lines.append(Line(f"from scratch, {count}", _level(offsets, scratch[count]), colour, dashed=True))
    if (best := best_single(rows)) is not None:
        name = f"single frame, {best.iterations}"
        lines.append(Line(name, _level(offsets, best.value or 0.0), COLOURS[0], dashed=True))
    return Chart(title, "frames since the start from zeros", streaming[0].metric, tuple(lines))


def _level(offsets: Sequence[int], value: float) -> tuple[tuple[float, float], ...]:
    return ((float(offsets[0]), value), (float(offsets[-1]), value))
