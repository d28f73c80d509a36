"""A benchmark as a table, a sentence, JSON and a chart."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from streamdeq.evaluation.bench.run import Benchmark
from streamdeq.evaluation.bench.subjects import part_of
from streamdeq.evaluation.bench.turns import Timing
from streamdeq.evaluation.reporting.chart import COLOURS, Chart, Line
from streamdeq.evaluation.reporting.table import Cells, Style

FORMAT = "streamdeq-bench-1"
PARTS = ("inject", "step", "solver", "predict", "decode")
NOTHING = "–"


def render(bench: Benchmark, place: str, style: Style) -> str:
    """To be read; `place` is what it was measured on."""
    h, w = bench.frame_hw
    canvas = "x".join(map(str, bench.canvas_hw[::-1]))
    notes = [
        f"ms of one video's frame: medians, in turns, on {place}, {bench.precision}; frames of {w}x{h}, "
        f"computed on {canvas}.",
        "step: one application of f; solver: its own arithmetic beside it; @N: a frame of N iterations, "
        f"picture to answer ({_evaluations(bench)}).",
        f"GFLOP/s of the step's best; peak: a matrix product in the same turns, {bench.peak_gflops:.0f} GFLOP/s. "
        f"A video holds {bench.row_mb:.1f} MB.",
        *bench.notes,
    ]  # fmt: skip
    return style.page("", [style.table(_cells(bench))], [*notes, "", verdict(bench)])


def verdict(bench: Benchmark) -> str:
    """What it comes to: frames a second of one video, by the fastest of ours."""
    own = [t for t in bench.timings if t.who.startswith("streamdeq")]
    held = []
    for number in bench.iterations:
        ms = min(t.ms for t in own if t.part == part_of(number))
        held.append(f"{1000 / ms:.0f} fps at {number} {'iteration' if number == 1 else 'iterations'}")
    h, w = bench.frame_hw
    return f"{bench.model}: this machine holds {', '.join(held)} ({w}x{h})"


def to_plain(bench: Benchmark, header: Mapping[str, Any]) -> dict[str, Any]:
    """For JSON."""
    timings = [asdict(t) | {"gflops": round(t.gflops, 2)} for t in bench.timings]
    return {"format": FORMAT, "header": dict(header), "benchmark": asdict(bench) | {"timings": timings}}


def chart(bench: Benchmark) -> Chart:
    """Milliseconds of a frame over its iterations."""
    lines = []
    for who, parts in _by_subject(bench).items():
        points = [(float(n), parts[part_of(n)].ms) for n in bench.iterations if part_of(n) in parts]
        if len(points) == 1 and len(bench.iterations) > 1:  # a peer: whatever the number
            points = [(float(n), points[0][1]) for n in bench.iterations]
        lines.append(Line(who, tuple(points), COLOURS[len(lines) % len(COLOURS)], dots=True))
    title = f"{bench.model}, {bench.precision}, frames of {bench.frame_hw[1]}x{bench.frame_hw[0]}"
    return Chart(title, "iterations per frame", "ms per frame", tuple(lines))


def _evaluations(bench: Benchmark) -> str:
    counts = ", ".join(f"{n} are {nfe}" for n, nfe in zip(bench.iterations, bench.nfe, strict=True))
    return f"applications of f with {bench.solver}: {counts}"


def _by_subject(bench: Benchmark) -> dict[str, dict[str, Timing]]:
    subjects: dict[str, dict[str, Timing]] = {}
    for timing in bench.timings:
        if timing.who != "machine":
            subjects.setdefault(timing.who, {})[timing.part] = timing
    return subjects


def _cells(bench: Benchmark) -> list[Cells]:
    frames = [part_of(number) for number in bench.iterations]
    heading = ["", *PARTS, *(f"@{number}" for number in bench.iterations), "GFLOP/s", "of peak"]
    cells = [heading]
    for who, parts in _by_subject(bench).items():
        line = [f"{parts[part].ms:.2f}" if part in parts else NOTHING for part in (*PARTS, *frames)]
        rate = parts["step"].gflops if "step" in parts else 0.0
        share = [f"{rate:.0f}", f"{100 * rate / bench.peak_gflops:.0f} %"] if rate else [NOTHING, NOTHING]
        cells.append([who, *line, *share])
    return cells
