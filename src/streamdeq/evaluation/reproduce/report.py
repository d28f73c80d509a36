"""What was measured into a folder as one static page: tables, figures, films, the paper's numbers beside them."""

import base64
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from streamdeq.codec import from_plain
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.bootstrap import NOTHING
from streamdeq.evaluation.comparison.report import render
from streamdeq.evaluation.comparison.run import Comparison
from streamdeq.evaluation.reporting.table import Cells, Html
from streamdeq.evaluation.reproduce.item import read_found
from streamdeq.evaluation.reproduce.items import ITEMS
from streamdeq.evaluation.reproduce.published import BASELINE, ITERATIONS, TABLE_1
from streamdeq.files import atomic_path

NOT_RUN = "not run"
KINDS = {".svg": "image/svg+xml", ".png": "image/png", ".mp4": "video/mp4"}


def write_report(folder: Path, file: Path) -> list[str]:
    """The page of what is in `folder`, whole or not at all; returns the items that were not run.

    Raises:
        StreamdeqError: nothing was measured into it.
    """
    found = {
        path: read_found(path, ITEMS)
        for name in ITEMS
        for path in sorted(folder.glob(f"{name}*.json"))
        if path.stem == name or path.stem.startswith(f"{name}-")
    }
    if not found:
        raise StreamdeqError(f"nothing was measured into {folder}: run streamdeq reproduce ITEM --out {folder} first")
    had = {one["item"] for one in found.values()}
    missing = [name for name in ITEMS if name not in had]
    head = resources.files("streamdeq.evaluation.reproduce").joinpath("report.html").read_text(encoding="utf-8")
    body = [*_published(list(found.values()))]
    for name in ITEMS:
        own = [(path, one) for path, one in found.items() if one["item"] == name]
        body += _section(name, own)
    with atomic_path(file) as part:
        part.write_text(head.replace("<!-- body -->", "\n".join(body)), encoding="utf-8")
    return missing


def _section(name: str, found: Sequence[tuple[Path, Mapping[str, Any]]]) -> Iterator[str]:
    title = escape(f"{name}: {ITEMS[name].title}")
    if not found:
        yield f'<section class=missing id="{name}"><h2>{title}</h2><p>{NOT_RUN}</p></section>'
        return
    yield f'<section id="{name}"><h2>{title}</h2>'
    for path, one in found:
        if "comparison" in one:
            place = "{machine}, {threads} threads, {precision}".format_map(one["header"])
            yield render(from_plain(Comparison, one["comparison"]), place, Html())
        yield from _pictures(path)
        if "lines" in one:
            yield from _numbers(one["lines"])
        yield _about(one["header"])
    yield "</section>"


def _pictures(path: Path) -> Iterator[str]:
    """What was drawn beside the JSON file; a figure once, as SVG if it is there."""
    files = [path.with_suffix(suffix) for suffix in KINDS if path.with_suffix(suffix).exists()]
    for file in files:
        if file.suffix == ".png" and path.with_suffix(".svg") in files:
            continue
        data = f"data:{KINDS[file.suffix]};base64,{base64.b64encode(file.read_bytes()).decode()}"
        if file.suffix == ".mp4":
            yield f'<video controls loop muted playsinline src="{data}"></video>'
        else:
            yield f'<img alt="{escape(path.stem)}" src="{data}">'


def _numbers(lines: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Everything a line has at its x, folded away."""
    yield "<details><summary>numbers</summary>"
    for name, line in lines.items():
        columns = [key for key, value in line.items() if isinstance(value, list) and len(value) == len(line["x"])]
        rows = [[_text(line[key][n]) for key in columns] for n in range(len(line["x"]))]
        yield f"<h3>{escape(name)}</h3>"
        yield from Html().table([columns, *rows])
    yield "</details>"


def _text(value: Any) -> str:
    if value is None:
        return NOTHING
    return f"{value:.4g}" if isinstance(value, float) and math.isfinite(value) else str(value)


def _about(header: Mapping[str, Any]) -> str:
    said = ["command", "commit", "machine", "threads", "precision", "population", "time"]
    parts = [f"{key}: {header[key]}" for key in said if header.get(key) not in (None, "")]
    models = ", ".join(f"{name} ({value[:12]})" for name, value in header["models"].items())
    return f"<p class=about>{escape('; '.join([models, *parts]))}</p>"


def _published(found: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The paper's Table I and, on the same data, ours."""
    ours: dict[tuple[str, str, int], float] = {}
    for one in found:
        if one["item"] == "table1":
            for (system, count), value in _values(from_plain(Comparison, one["comparison"])):
                ours[one["header"]["dataset"], system, count] = value
    yield '<section id="paper"><h2>The paper\'s Table I, and ours on the same data</h2>'
    for data, column in TABLE_1.items():
        cells: list[Cells] = [["system", "iterations", f"paper, {column.metric}", "paper, fps (A100)", "ours"]]
        for system, published in column.accuracy.items():
            speeds = column.fps.get(system, column.fps["ur"])
            counts = (*ITERATIONS, BASELINE[system])
            for n, (count, value) in enumerate(zip(counts, published, strict=True)):
                own = ours.get((data, system, count))
                said = f"{count}, single frame" if n == len(ITERATIONS) else str(count)
                row = [system.upper(), said, f"{value:.1f}", f"{speeds[n]:.1f}"]
                cells.append([*row, NOT_RUN if own is None else f"{own:.1f}"])
        yield f"<details><summary>{data}</summary>"
        yield from Html().table(cells)
        yield "</details>"
    yield "</section>"


def _values(comparison: Comparison) -> Iterator[tuple[tuple[str, int], float]]:
    """((system, iterations), accuracy) of the models that are named after their training."""
    for entry in comparison.entries:
        system = entry.name.rpartition("-")[2]
        if system in BASELINE:
            for line in entry.lines:
                if line.streaming is not None and line.streaming.value is not None:
                    yield (system, line.iterations), line.streaming.value
            if entry.single.value is not None:
                yield (system, entry.best), entry.single.value
