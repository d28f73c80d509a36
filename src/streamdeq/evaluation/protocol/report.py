"""An evaluation as it is shown and kept: what was measured on what, the figures, latency, jitter.

The JSON file: `format`, `header`, `rows` (see `rows.ScoreRow`), `latency` (see `latency.Latency`), `notes` and
`jitter` (see `jitter.measure.JitterRow`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from streamdeq.evaluation.jitter import report as jitter_report
from streamdeq.evaluation.jitter.measure import JitterRow
from streamdeq.evaluation.latency import Latency
from streamdeq.evaluation.protocol.rows import ScoreRow, table_blocks
from streamdeq.evaluation.protocol.run import Evaluation
from streamdeq.evaluation.protocol.score import Mode
from streamdeq.evaluation.protocol.settings import Settings
from streamdeq.evaluation.reporting.table import Style
from streamdeq.streaming.options import StartFrom

FORMAT = "streamdeq-eval-1"
POPULATIONS = {
    "all": "every labelled frame; one with fewer than t frames before it is scored after those",
    "common": "the labelled frames with at least {} frames before them",
}


@dataclass(frozen=True)
class Header:
    """What the figures are about.

    Args:
        model, hash: name and SHA-256 of the weights' tensors.
        data, split: as given.
        size: working size, the shorter side in pixels, or "native".
        precision: inside `f`, stem and head. device: as torch names it.
        population: `all` or `common`, see `settings.PopulationName`; None where it makes no difference.
        baseline: iterations of the single-frame baseline, by the model's description; None if it is not said.
        start: where streaming began. draw: what was drawn at random of the split, as text; empty for all of it.
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
    population: str | None = None
    baseline: int | None = None
    start: str = "previous"
    draw: str = ""

    def values(self) -> dict[str, Any]:
        """One flat object; `seconds` to a tenth, and how the baseline was chosen."""
        own = {name: value for name, value in vars(self).items() if name != "surroundings"}
        own["baseline"] = self.baseline and {"iterations": self.baseline, "chosen": "by the model's description"}
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
        notes = [*map(_split, self.latency), *self._about(), *self.notes]
        if self.jitter:
            blocks.append(style.table(jitter_report.cells(self.jitter)))
            notes.insert(len(self.latency), jitter_report.note(self.jitter))
        return style.page(self._title(), blocks, notes)

    def _about(self) -> list[str]:
        """Which frames, from which start, and against what."""
        head, told = self.header, []
        offsets = [row.offset for row in self.rows if row.offset is not None]
        if head.population and offsets:
            told.append(
                f"population: {POPULATIONS[head.population].format(max(offsets))}{head.draw and '; '}{head.draw}"
            )
        elif head.draw:
            told.append(f"population: {head.draw}")
        if head.start != StartFrom.PREVIOUS and offsets:
            told.append(f"streaming starts by '{head.start}' (docs: protocols)")
        for row in self.rows:
            if row.mode is Mode.SINGLE and row.iterations == head.baseline:
                told.append(
                    f"baseline: {row.text()}, the single frame at {row.iterations} iterations, which the model's "
                    "description names; the best of several was chosen on these very frames"
                )
        return told

    def _title(self) -> str:
        head, row = self.header, self.rows[0]
        size = f"{head.size} px" if isinstance(head.size, int) else f"{head.size} size"
        threads = head.surroundings.get("threads")
        where = f"{head.device}, {threads} threads" if head.device == "cpu" else head.device
        return (
            f"{row.metric} of {head.model} on {head.data}, {head.split}, the same {row.frames} frames in every figure; "
            f"{row.solver}, {size}, {head.precision}, {where}"
        )


def drawn(settings: Settings) -> str:
    """What of a split is scored where that is not all of it."""
    parts = [f"{settings.clips} clips"] if settings.clips else []
    parts += [f"{settings.frames_per_clip} frames per clip"] if settings.frames_per_clip else []
    return f"at most {' and '.join(parts)}, drawn by seed {settings.seed}" if parts else ""


def make_notes(evaluation: Evaluation, rows: Sequence[ScoreRow]) -> tuple[str, ...]:
    """What a reader has to know besides the figures, a line each."""
    notes = [evaluation.plan.note] if evaluation.plan.note else []
    failed = sum(row.failed for row in rows)
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
