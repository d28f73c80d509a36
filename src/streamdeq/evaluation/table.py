"""Measured figures as rows, and rows as a table to read: text for a terminal, Markdown for a README.

Knows no model and no data set. A figure that does not exist shows as "–".
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol import Evaluation, Mode
from streamdeq.registry import unknown

Cells = list[str]
NOTHING = "–"


@dataclass(frozen=True)
class Row:
    """One figure, as it stands in the JSON file.

    Args:
        iterations: solver iterations per frame, in the paper's sense.
        offset: frames between the start from zeros and the scored frame while streaming; else None.
        value: of `metric`, in points 0–100; None if nothing could be counted.
        frames: scored frames; the same ones in every row of a table.
        nfe: applications of `f` per frame.
        figures: everything the task's metric says, by name; `value` is one of them.
    """

    mode: Mode
    solver: str
    iterations: int
    offset: int | None
    metric: str
    value: float | None
    frames: int
    nfe: int
    figures: Mapping[str, float | None] = field(default_factory=dict)


def make_rows(evaluation: Evaluation, figure: str | None = None) -> tuple[Row, ...]:
    """A figure for every cell: single frames first, then by iterations and offset as they were asked for.

    Args:
        figure: which of the task's, by name; None for the one that stands for it.

    Raises:
        StreamdeqError: the task has no figure of that name.
    """
    rows = []
    for cell, score in evaluation.scores.items():
        figures = {k: None if math.isnan(value) else value for k, value in score.total.compute().items()}
        name = figure or score.total.name
        if name not in figures:
            raise StreamdeqError(unknown("figure", name, list(figures)))
        about = (cell.mode, evaluation.solver, cell.iterations, cell.offset)
        rows.append(Row(*about, name, figures[name], len(score.pieces), score.nfe, figures))
    return tuple(rows)


def text(rows: Sequence[Row], ms: Mapping[int, float] | None = None) -> str:
    """For a terminal. `ms`: milliseconds per streamed frame by iteration count, where measured."""
    single = _single_line(rows, "{}*") + "  (* the best)"
    return "\n".join([*_aligned(_streaming(rows, ms)), "", single] if _streams(rows) else [single])


def markdown(rows: Sequence[Row], ms: Mapping[int, float] | None = None) -> str:
    """For a README; the best single-frame count is bold."""
    single = _single_line(rows, "**{}**")
    return "\n".join([*_piped(_streaming(rows, ms)), "", single] if _streams(rows) else [single])


def best_single(rows: Sequence[Row]) -> Row | None:
    """The single-frame row of the highest value; of equal ones the cheapest."""
    single = [row for row in rows if row.mode is Mode.SINGLE and row.value is not None]
    return max(single, key=lambda row: (row.value, -row.iterations), default=None)


def _streams(rows: Sequence[Row]) -> bool:
    return any(row.mode is Mode.STREAMING for row in rows)


def _streaming(rows: Sequence[Row], ms: Mapping[int, float] | None) -> list[Cells]:
    """Heading and a line per iteration count: from scratch, streaming at every offset, what that gains, NFE; then
    streaming through whole clips, where that was scored."""
    streaming = [row for row in rows if row.mode is Mode.STREAMING]
    scratch = {row.iterations: row.value for row in rows if row.mode is Mode.SINGLE}
    values = {(row.iterations, row.offset): row.value for row in streaming}
    offsets = list(dict.fromkeys(row.offset for row in streaming if row.offset is not None))
    last = max(offsets)
    continuous = {row.iterations: row.value for row in rows if row.mode is Mode.CONTINUOUS}
    heading = ["iterations", "NFE", "from scratch", *(f"+{offset}" for offset in offsets), f"gain at +{last}"]
    heading += ["continuous"] * bool(continuous)
    lines = [heading + ["ms per frame"] * (ms is not None)]
    for count, nfe in dict.fromkeys((row.iterations, row.nfe) for row in streaming):
        gain = _gain(values.get((count, last)), scratch.get(count))
        figures = [_points(scratch.get(count)), *(_points(values.get((count, offset))) for offset in offsets), gain]
        time = [f"{ms[count]:.1f}" if count in ms else NOTHING] if ms is not None else []
        through = [_points(continuous[count])] if continuous else []
        lines.append([str(count), str(nfe), *figures, *through, *time])
    return lines


def _single_line(rows: Sequence[Row], mark: str) -> str:
    best = best_single(rows)
    parts = []
    for row in rows:
        if row.mode is Mode.SINGLE:
            figure = _points(row.value)
            parts.append(f"{row.iterations}: {mark.format(figure) if row is best else figure}")
    return f"single frame, by iterations: {', '.join(parts)}"


def _points(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.1f}"


def _gain(streaming: float | None, scratch: float | None) -> str:
    return NOTHING if streaming is None or scratch is None else f"{streaming - scratch:+.1f}"


def _aligned(lines: Sequence[Cells]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in lines]


def _piped(lines: Sequence[Cells]) -> list[str]:
    heading, *rest = lines
    return [f"| {' | '.join(line)} |" for line in (heading, ["---:"] * len(heading), *rest)]
