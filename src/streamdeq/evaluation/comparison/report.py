"""A comparison as it is shown and kept.

The JSON file: `format`, `header` (models with their hashes, data, surroundings) and `comparison` as it is in memory.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from streamdeq.evaluation.bootstrap import NOTHING
from streamdeq.evaluation.comparison.run import BudgetLine, ComparedModel, Comparison
from streamdeq.evaluation.reporting.table import Cells, Style

FORMAT = "streamdeq-compare-1"


def render(comparison: Comparison, place: str, style: Style) -> str:
    """To be read.

    Args:
        place: what the milliseconds were measured on.
    """
    return style.page("", [style.table(_cells(comparison))], _notes(comparison, place))


def to_plain(comparison: Comparison, header: Mapping[str, Any]) -> dict[str, Any]:
    """For JSON."""
    return {"format": FORMAT, "header": dict(header), "comparison": asdict(comparison)}


def _cells(comparison: Comparison) -> list[Cells]:
    """Heading, and a line per model and iteration count; what is of the model stands in its first line. No column of
    flicker where nothing has any."""
    heading = [
        "model", "trained", "single frame", "iterations", "NFE", "ms", "fps",
        f"streaming, +{comparison.offset}", f"ahead of {comparison.entries[0].name}", "from scratch", "flicker",
    ]  # fmt: skip
    cells = [heading]
    for entry in comparison.entries:
        about = _about(entry)
        cells += [[*(about if n == 0 else [""] * len(about)), *_line(line)] for n, line in enumerate(entry.lines)]
    return cells if _flickers(comparison) else [line[:-1] for line in cells]


def _flickers(comparison: Comparison) -> bool:
    return any(line.flicker is not None for entry in comparison.entries for line in entry.lines)


def _about(entry: ComparedModel) -> Cells:
    trained = f"{entry.seconds / 60:.0f} min, {entry.steps} steps" if entry.seconds else NOTHING
    counted = any(line.nfe is not None for line in entry.lines)
    single = f"{entry.single.text()} at {entry.best}" if counted else entry.single.text()
    return [f"{entry.name} ({entry.parameters / 1e6:.1f} M)", trained, single]


def _line(line: BudgetLine) -> Cells:
    nfe = NOTHING if line.nfe is None else str(line.nfe)
    streaming = NOTHING if line.streaming is None else line.streaming.text()
    flips = NOTHING if line.flicker is None else f"{line.flicker:.2f} %"
    ahead = NOTHING if line.ahead is None else line.ahead.text()
    times = [f"{line.ms:.1f}", f"{1000 / line.ms:.0f}"]
    return [str(line.iterations), nfe, *times, streaming, ahead, line.scratch.text(), flips]


def _notes(comparison: Comparison, place: str) -> list[str]:
    about = f"{comparison.metric} in points over the same {comparison.frames} frames"
    if comparison.block is not None:
        drawn = "whole films" if comparison.films else f"blocks of {comparison.block} frames"
        about += f"; in brackets where it lies in 95 of 100 resamples of {drawn}, the same for all"
    single = "single frame: from zeros, at the iterations that a model's description names."
    notes = [f"{about}.", single, f"ms: median per frame, picture to answer, in turns on {place}; fps: 1000 by that."]
    if _flickers(comparison):
        notes.append(
            "flicker: of the pixels that stand still between two frames, those whose label flips "
            "(a peer: frame by frame)."
        )
    return notes
