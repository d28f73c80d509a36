"""Measured figures as rows, and rows as a table to read: text for a terminal, Markdown for a README.

Knows no model and no data set. A figure that does not exist shows as "–".
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.bootstrap import RESAMPLES, interval, resample
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
        value: of `metric`, in points 0–100 or pixels (see `Metric`); None if nothing could be counted.
        frames: scored frames; the same ones in every row of a table.
        nfe: applications of `f` per frame.
        low, high: of the bootstrap interval, in points; None where none was drawn.
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
    low: float | None = None
    high: float | None = None
    figures: Mapping[str, float | None] = field(default_factory=dict)


Show = Callable[[Row | None], str]


def points(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """`58.4`, or `58.4 (55.9–60.6)` where there is an interval."""
    if value is None:
        return NOTHING
    return f"{value:.1f}" if low is None or high is None else f"{value:.1f} ({low:.1f}–{high:.1f})"


def figure_alone(row: Row | None) -> str:
    """`58.4`."""
    return NOTHING if row is None else points(row.value)


def with_interval(row: Row | None) -> str:
    """`58.4 (55.9–60.6)`, where there is an interval."""
    return NOTHING if row is None else points(row.value, row.low, row.high)


def make_rows(evaluation: Evaluation, resamples: int = RESAMPLES, figure: str | None = None) -> tuple[Row, ...]:
    """A figure for every cell: single frames first, then by iterations and offset as they were asked for.

    Args:
        resamples: to draw intervals from, the same ones for every cell; 0 for no intervals.
        figure: which of the task's, by name; None for the one that stands for it.

    Raises:
        StreamdeqError: the task has no figure of that name.
    """
    drawn = resample(evaluation.plan.samples, resamples, films=evaluation.plan.films) if resamples else None
    rows = []
    for cell, score in evaluation.scores.items():
        figures = {k: None if math.isnan(value) else value for k, value in score.total.compute().items()}
        name = figure or score.total.name
        if name not in figures:
            raise StreamdeqError(unknown("figure", name, list(figures)))
        about = (cell.mode, evaluation.solver, cell.iterations, cell.offset)
        row = Row(*about, name, figures[name], len(score.pieces), score.nfe, figures=figures)
        within = interval(drawn.figures(score.pieces, name)) if drawn else None
        rows.append(replace(row, low=within.low, high=within.high) if within else row)
    return tuple(rows)


def text(rows: Sequence[Row], ms: Mapping[int, float] | None = None, show: Show = figure_alone) -> str:
    """For a terminal.

    Args:
        ms: milliseconds per streamed frame by iteration count, where measured.
        show: how a figure is written.
    """
    single = _single_line(rows, "{}*", show) + "  (* the best)"
    return "\n".join([*aligned(_streaming(rows, ms, show)), "", single] if _streams(rows) else [single])


def markdown(rows: Sequence[Row], ms: Mapping[int, float] | None = None, show: Show = figure_alone) -> str:
    """For a README; the best single-frame count is bold. Arguments as for `text`."""
    single = _single_line(rows, "**{}**", show)
    return "\n".join([*piped(_streaming(rows, ms, show)), "", single] if _streams(rows) else [single])


def best_single(rows: Sequence[Row]) -> Row | None:
    """The single-frame row of the highest value, or of the least error; of equal ones the cheapest."""
    single = [row for row in rows if row.mode is Mode.SINGLE and row.value is not None]
    return max(single, key=lambda row: (_sign(row) * (row.value or 0.0), -row.iterations), default=None)


def _sign(row: Row) -> int:
    """-1 for errors, of which less is better."""
    return -1 if row.metric.endswith(" px") else 1


def _streams(rows: Sequence[Row]) -> bool:
    return any(row.mode is Mode.STREAMING for row in rows)


def _streaming(rows: Sequence[Row], ms: Mapping[int, float] | None, show: Show) -> list[Cells]:
    """Heading and a line per iteration count: from scratch, streaming at every offset, what that gains, NFE; then
    streaming through whole clips, where that was scored."""
    streaming = {(row.iterations, row.offset): row for row in rows if row.mode is Mode.STREAMING}
    scratch = {row.iterations: row for row in rows if row.mode is Mode.SINGLE}
    offsets = list(dict.fromkeys(row.offset for row in streaming.values() if row.offset is not None))
    last = max(offsets)
    continuous = {row.iterations: row for row in rows if row.mode is Mode.CONTINUOUS}
    heading = ["iterations", "NFE", "from scratch", *(f"+{offset}" for offset in offsets), f"gain at +{last}"]
    heading += ["continuous"] * bool(continuous)
    lines = [heading + ["ms per frame"] * (ms is not None)]
    for count, nfe in dict.fromkeys((row.iterations, row.nfe) for row in streaming.values()):
        along = [scratch.get(count), *(streaming.get((count, offset)) for offset in offsets)]
        time = [f"{ms[count]:.1f}" if count in ms else NOTHING] if ms is not None else []
        through = [show(continuous[count])] if continuous else []
        gain = _gain(streaming.get((count, last)), along[0])
        lines.append([str(count), str(nfe), *map(show, along), gain, *through, *time])
    return lines


def _single_line(rows: Sequence[Row], mark: str, show: Show) -> str:
    best = best_single(rows)
    parts = []
    for row in rows:
        if row.mode is Mode.SINGLE:
            parts.append(f"{row.iterations}: {mark.format(show(row)) if row is best else show(row)}")
    return f"single frame, by iterations: {', '.join(parts)}"


def _gain(streaming: Row | None, scratch: Row | None) -> str:
    if streaming is None or scratch is None or streaming.value is None or scratch.value is None:
        return NOTHING
    return f"{_sign(streaming) * (streaming.value - scratch.value):+.1f}"


def aligned(lines: Sequence[Cells]) -> list[str]:
    """Columns of text: names to the left, numbers to the right."""
    columns = list(zip(*lines, strict=True))
    signs = ["<" if _names(column) else ">" for column in columns]
    forms = [f"{{:{sign}{max(map(len, column))}}}" for sign, column in zip(signs, columns, strict=True)]
    return ["  ".join(form.format(cell) for form, cell in zip(forms, line, strict=True)).rstrip() for line in lines]


def piped(lines: Sequence[Cells]) -> list[str]:
    """A Markdown table; the first line is the heading."""
    heading, *rest = lines
    rule = ["---" if _names(column) else "---:" for column in zip(*lines, strict=True)]
    return [f"| {' | '.join(line)} |" for line in (heading, rule, *rest)]


def _names(column: Sequence[str]) -> bool:
    """Whether a column, its heading first, holds names."""
    return any(cell[:1].isalpha() for cell in column[1:])
