"""An evaluation as it is shown and kept: what was measured on what, the rows, the latency. Knows no network.

The JSON file: `format`, `header`, `rows` (see `table.Row`), `latency` (see `latency.Latency`), `notes` and
`jitter` (see `steadiness.Steadiness`).
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation import table, watched
from streamdeq.evaluation.latency import Latency
from streamdeq.evaluation.protocol import Evaluation
from streamdeq.evaluation.steadiness import Steadiness
from streamdeq.evaluation.table import Row, Show, figure_alone
from streamdeq.files import atomic_path, ensure_folder

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
class Report:
    """All of it, as values."""

    header: Header
    rows: tuple[Row, ...]
    latency: tuple[Latency, ...] = ()
    notes: tuple[str, ...] = ()
    jitter: tuple[Steadiness, ...] = ()

    def to_json(self) -> str:
        parts = {
            "format": FORMAT,
            "header": self.header.values(),
            "rows": [asdict(row) for row in self.rows],
            "latency": [asdict(one) for one in self.latency],
            "notes": list(self.notes),
            "jitter": [one.to_plain() for one in self.jitter],
        }
        return json.dumps(parts, indent=1, allow_nan=False) + "\n"

    def text(self, show: Show = figure_alone) -> str:
        """For a terminal. `show`: how a figure is written."""
        below = self._below()
        shown = table.text(self.rows, self._ms(), show)
        steady = ["", *table.aligned(watched.cells(self.jitter))] if self.jitter else []
        return "\n".join([self._title(), "", shown, *steady, *([""] if below else []), *below])

    def markdown(self, show: Show = figure_alone) -> str:
        """For a README. `show`: how a figure is written."""
        below = [line for note in self._below() for line in ("", note)]
        steady = ["", *table.piped(watched.cells(self.jitter))] if self.jitter else []
        return "\n".join([table.markdown(self.rows, self._ms(), show), *steady, "", self._title(), *below])

    def _title(self) -> str:
        head, row = self.header, self.rows[0]
        size = f"{head.size} px" if isinstance(head.size, int) else f"{head.size} size"
        threads = head.surroundings.get("threads")
        where = f"{head.device}, {threads} threads" if head.device == "cpu" else head.device
        return (
            f"{row.metric} of {head.model} on {head.data}, {head.split}, the same {row.frames} frames in every figure; "
            f"{row.solver}, {size}, {head.precision}, {where}"
        )

    def _ms(self) -> dict[int, float] | None:
        return {one.iterations: one.total.p50 for one in self.latency} or None

    def _below(self) -> list[str]:
        steady = [watched.note(self.jitter)] if self.jitter else []
        return [*(_split(one) for one in self.latency), *steady, *self.notes]


def make_notes(evaluation: Evaluation) -> tuple[str, ...]:
    """What a reader has to know besides the figures, a line each."""
    notes = [evaluation.plan.note] if evaluation.plan.note else []
    failed = sum(score.failed for score in evaluation.scores.values())
    if failed:
        notes.append(f"{failed} of the scored answers come from solves that met a non-finite value")
    return tuple(notes)


def check_writable(path: str | os.PathLike[str]) -> None:
    """Raises StreamdeqError if `path` cannot be written: to be asked before minutes of work, not after."""
    if Path(path).is_dir():
        raise StreamdeqError(f"cannot write {path}: it is a folder; give the name of a file")
    ensure_folder(Path(path).parent)


def write(report: Report, path: str | os.PathLike[str]) -> None:
    """The JSON file, whole or not at all."""
    with atomic_path(path) as part:
        part.write_text(report.to_json(), encoding="utf-8")


def _split(one: Latency) -> str:
    parts = ", ".join(f"{name} {getattr(one, name).p50:.1f}" for name in ("inject", "solve", "head", "decode"))
    total = one.total
    return (
        f"ms per frame at {one.iterations} iterations: p50 {total.p50:.1f}, p95 {total.p95:.1f}, "
        f"p99 {total.p99:.1f} ({parts}; {one.frames} frames)"
    )
