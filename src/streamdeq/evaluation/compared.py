"""A comparison as it is shown and kept: text for a terminal, Markdown for a README, JSON. Knows no network.

The JSON file: `format`, `header` (models with their hashes, data, surroundings) and `comparison` as it is in memory.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from streamdeq.evaluation.comparison import Comparison, Entry, Figure, Line
from streamdeq.evaluation.table import NOTHING, Cells, aligned, piped, points
from streamdeq.files import atomic_path

FORMAT = "streamdeq-compare-1"


def text(comparison: Comparison, place: str) -> str:
    """For a terminal.

    Args:
        place: what the milliseconds were measured on.
    """
    return "\n".join([*aligned(_cells(comparison)), "", *_below(comparison, place)])


def markdown(comparison: Comparison, place: str) -> str:
    """For a README. Arguments as for `text`."""
    return "\n".join([*piped(_cells(comparison)), "", " ".join(_below(comparison, place))])


def write(comparison: Comparison, header: Mapping[str, Any], path: str | os.PathLike[str]) -> None:
    """The JSON file, whole or not at all."""
    parts = {"format": FORMAT, "header": dict(header), "comparison": asdict(comparison)}
    with atomic_path(path) as part:
        part.write_text(json.dumps(parts, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _cells(comparison: Comparison) -> list[Cells]:
    """Heading, and a line per model and iteration count; what is of the model stands in its first line. No column of
    flicker where nothing has any."""
    heading = [
        "model", "trained", "single frame", "iterations", "NFE", "ms", "fps",
        f"streaming, +{comparison.offset}", "from scratch", "flicker",
    ]  # fmt: skip
    cells = [heading, *(cells for entry in comparison.entries for cells in _entry(entry))]
    return cells if _flickers(comparison) else [line[:-1] for line in cells]


def _flickers(comparison: Comparison) -> bool:
    return any(line.flicker is not None for entry in comparison.entries for line in entry.lines)


def _entry(entry: Entry) -> list[Cells]:
    trained = f"{entry.seconds / 60:.0f} min, {entry.steps} steps" if entry.seconds else NOTHING
    counted = any(line.nfe is not None for line in entry.lines)
    single = f"{_figure(entry.single)} at {entry.best}" if counted else _figure(entry.single)
    first = [f"{entry.name} ({entry.parameters / 1e6:.1f} M)", trained, single]
    return [[*(first if n == 0 else ["", "", ""]), *_line(line)] for n, line in enumerate(entry.lines)]


def _line(line: Line) -> Cells:
    nfe = NOTHING if line.nfe is None else str(line.nfe)
    restless = NOTHING if line.flicker is None else f"{line.flicker:.2f} %"
    scratch = _figure(line.scratch)
    time = [f"{line.ms:.1f}", f"{1000 / line.ms:.0f}"]
    return [str(line.iterations), nfe, *time, _figure(line.streaming), scratch, restless]


def _figure(figure: Figure | None) -> str:
    if figure is None:
        return NOTHING
    around = figure.interval
    return points(figure.value) if around is None else points(figure.value, around.low, around.high)


def _below(comparison: Comparison, place: str) -> list[str]:
    about = f"{comparison.metric} in points over the same {comparison.frames} frames"
    if comparison.block is not None:
        about += f"; in brackets where it lies in 95 of 100 resamples of blocks of {comparison.block} frames"
    lines = [f"{about}.", f"ms: median per frame, picture to answer, in turns on {place}; fps: 1000 by that."]
    if _flickers(comparison):
        lines.append(
            "flicker: of the pixels that stand still between two frames, those whose label flips "
            "(a peer: frame by frame)."
        )
    return lines
