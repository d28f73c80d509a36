"""The figures of an evaluation as rows, and the table of them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.bootstrap import NOTHING, RESAMPLES, Figure, Interval, Resamples, resample
from streamdeq.evaluation.protocol.run import Evaluation
from streamdeq.evaluation.protocol.score import Condition, Mode
from streamdeq.evaluation.reporting.table import Cells, Lines, Style
from streamdeq.registry import unknown


@dataclass(frozen=True)
class ScoreRow:
    """One figure, as it stands in the JSON file.

    Args:
        iterations: solver iterations per frame, in the paper's sense.
        offset: frames between the start from zeros and the scored frame while streaming; else None.
        value: of `metric`, in points 0–100 or pixels (see `Metric`); None if nothing could be counted.
        frames: scored frames; the same ones in every row of a table.
        nfe: applications of `f` per frame.
        low, high: of the bootstrap interval, in points; None where none was drawn.
        figures: everything the task's metric says, by name; `value` is one of them.
        error: less of the figure is better.
        failed: answers whose solve met a non-finite value.
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
    error: bool = False
    failed: int = 0

    @property
    def sign(self) -> int:
        return -1 if self.error else 1

    def to_plain(self) -> dict[str, Any]:
        """As JSON values; `error` and `failed` are left out where there is none."""
        return {name: value for name, value in asdict(self).items() if name not in ("error", "failed") or value}

    def text(self, intervals: bool = False) -> str:
        """The figure, with its interval where that is wanted and was drawn."""
        if not intervals or self.low is None or self.high is None:
            return Figure(self.value).text()
        return Figure(self.value, Interval(self.low, self.high)).text()


def make_rows(evaluation: Evaluation, resamples: int = RESAMPLES, figure: str | None = None) -> tuple[ScoreRow, ...]:
    """A figure for every condition: single frames first, then by iterations and offset as they were asked for.

    Args:
        resamples: to draw intervals from, the same ones for every condition; 0 for no intervals.
        figure: which of the task's, by name; None for the one that stands for it.

    Raises:
        StreamdeqError: the task has no figure of that name.
    """
    drawn = resample(evaluation.plan.samples, resamples, films=evaluation.plan.films) if resamples else None
    # One at a time: a score of a large split takes gigabytes.
    return tuple(_row(condition, evaluation, drawn, figure) for condition in evaluation.scores)


def _row(condition: Condition, evaluation: Evaluation, drawn: Resamples | None, figure: str | None) -> ScoreRow:
    score = evaluation.scores[condition]
    figures = {k: None if math.isnan(value) else value for k, value in score.total.compute().items()}
    name = figure or score.total.name
    if name not in figures:
        raise StreamdeqError(unknown("figure", name, list(figures)))
    about = (condition.mode, evaluation.solver, condition.iterations, condition.offset)
    within = score.figure(drawn, name).interval
    low, high = (within.low, within.high) if within else (None, None)
    frames, error = len(score.pieces), name in score.total.errors
    return ScoreRow(*about, name, figures[name], frames, score.nfe, low, high, figures, error, score.failed)


def best_single(rows: Sequence[ScoreRow]) -> ScoreRow | None:
    """The single-frame row of the highest value, or of the least error; of equal ones the cheapest."""
    single = [row for row in rows if row.mode is Mode.SINGLE and row.value is not None]
    return max(single, key=lambda row: (row.sign * (row.value or 0.0), -row.iterations), default=None)


def table_blocks(
    rows: Sequence[ScoreRow], style: Style, ms: Mapping[int, float] | None = None, intervals: bool = False
) -> list[Lines]:
    """The table of what streamed, if anything did, and the line of single frames.

    Args:
        ms: milliseconds per streamed frame by iteration count, where measured.
        intervals: each figure's stands behind it.
    """
    best, single = best_single(rows), []
    for row in rows:
        if row.mode is Mode.SINGLE:
            text = row.text(intervals)
            single.append(f"{row.iterations}: {style.best.format(text) if row is best else text}")
    line = f"single frame, by iterations: {', '.join(single)}{style.legend}"
    streams = any(row.mode is Mode.STREAMING for row in rows)
    return [*([style.table(_streaming(rows, ms, intervals))] if streams else []), [line]]


def _streaming(rows: Sequence[ScoreRow], ms: Mapping[int, float] | None, intervals: bool) -> list[Cells]:
    """Heading and a line per iteration count: from scratch, streaming at every offset, what that gains, NFE; then
    streaming through whole clips, where that was scored."""
    found = {(row.mode, row.iterations, row.offset): row for row in rows}
    streaming = [row for row in rows if row.mode is Mode.STREAMING]
    offsets = list(dict.fromkeys(row.offset for row in streaming if row.offset is not None))
    last, through = max(offsets), any(row.mode is Mode.CONTINUOUS for row in rows)

    def show(mode: Mode, count: int, offset: int | None = None) -> str:
        row = found.get((mode, count, offset))
        return NOTHING if row is None else row.text(intervals)

    heading = ["iterations", "NFE", "from scratch", *(f"+{offset}" for offset in offsets), f"gain at +{last}"]
    lines = [[*heading, *["continuous"] * through, *["ms per frame"] * (ms is not None)]]
    for count, nfe in dict.fromkeys((row.iterations, row.nfe) for row in streaming):
        gain = _gain(found.get((Mode.STREAMING, count, last)), found.get((Mode.SINGLE, count, None)))
        along = [show(Mode.STREAMING, count, offset) for offset in offsets]
        line = [str(count), str(nfe), show(Mode.SINGLE, count), *along, gain]
        line += [show(Mode.CONTINUOUS, count)] if through else []
        lines.append(line + ([Figure(ms.get(count)).text()] if ms is not None else []))
    return lines


def _gain(streaming: ScoreRow | None, scratch: ScoreRow | None) -> str:
    if streaming is None or scratch is None or streaming.value is None or scratch.value is None:
        return NOTHING
    return f"{streaming.sign * (streaming.value - scratch.value):+.1f}"
