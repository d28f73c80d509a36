"""An evaluation as it is shown and kept: what was measured on what, the figures, latency, jitter.

The JSON file: `format`, `header`, `rows` (see `rows.ScoreRow`), `latency` (see `latency.Latency`), `notes` and
`jitter` (see `jitter.measure.JitterRow`).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from streamdeq.evaluation.jitter import report as jitter_report
from streamdeq.evaluation.jitter.measure import JitterRow
from streamdeq.evaluation.latency import Latency
from streamdeq.evaluation.protocol.rows import ScoreRow, table_blocks
from streamdeq.evaluation.protocol.run import Evaluation
from streamdeq.evaluation.reporting.table import Style

FORMAT = "streamdeq-eval-1"


@dataclass(frozen=True)
class Header:
    """What the figures are about.

    Args:
        model, hash: name and SHA-256 of the weights' tensors.
        data, split: as given.
        size: working size, the shorter side in pixels, or "native".
        precision: inside `f`, stem and head. device: as torch names it.
        seconds: the evaluation took.
        surroundings: versions, machine, threads, commit, time.
    """

    model: str
    hash: str
    data: str
    split: str
    size: int | str
    precision: str
    device: str
    seconds: float
    surroundings: Mapping[str, Any]

    def values(self) -> dict[str, Any]:
        """One flat object; `seconds` to a tenth."""
        own = {name: value for name, value in vars(self).items() if name != "surroundings"}
        return own | {"seconds": round(self.seconds, 1)} | dict(self.surroundings)


@dataclass(frozen=True)
class EvaluationReport:
    """All of it, as values."""

    header: Header
    rows: tuple[ScoreRow, ...]
    latency: tuple[Latency, ...] = ()
    notes: tuple[str, ...] = ()
    jitter: tuple[JitterRow, ...] = ()

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "format": FORMAT,
            "header": self.header.values(),
            "rows": [row.to_plain() for row in self.rows],
            "latency": [asdict(one) for one in self.latency],
            "notes": list(self.notes),
            "jitter": [row.to_plain() for row in self.jitter],
        }

    def render(self, style: Style, intervals: bool = False) -> str:
        """To be read. `intervals`: each figure's stands behind it."""
        ms = {one.iterations: one.total.p50 for one in self.latency} or None
        blocks = table_blocks(self.rows, style, ms, intervals)
        notes = [*map(_split, self.latency), *self.notes]
        if self.jitter:
            blocks.append(style.table(jitter_report.cells(self.jitter)))
            notes.insert(len(self.latency), jitter_report.note(self.jitter))
        return style.page(self._title(), blocks, notes)

    def _title(self) -> str:
        head, row = self.header, self.rows[0]
        size = f"{head.size} px" if isinstance(head.size, int) else f"{head.size} size"
        threads = head.surroundings.get("threads")
        where = f"{head.device}, {threads} threads" if head.device == "cpu" else head.device
        return (
            f"{row.metric} of {head.model} on {head.data}, {head.split}, the same {row.frames} frames in every figure; "
            f"{row.solver}, {size}, {head.precision}, {where}"
        )


def make_notes(evaluation: Evaluation) -> tuple[str, ...]:
    """What a reader has to know besides the figures, a line each."""
    notes = [evaluation.plan.note] if evaluation.plan.note else []
    failed = sum(score.failed for score in evaluation.scores.values())
    if failed:
        notes.append(f"{failed} of the scored answers come from solves that met a non-finite value")
    return tuple(notes)


def _split(one: Latency) -> str:
    parts = ", ".join(f"{name} {getattr(one, name).p50:.1f}" for name in ("inject", "solve", "head", "decode"))
    total = one.total
    return (
        f"ms per frame at {one.iterations} iterations: p50 {total.p50:.1f}, p95 {total.p95:.1f}, "
        f"p99 {total.p99:.1f} ({parts}; {one.frames} frames)"
    )
