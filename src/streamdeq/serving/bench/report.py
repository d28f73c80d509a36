"""A benchmark of cameras as a table, JSON and a chart."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isnan
from typing import Any

from streamdeq.evaluation.reporting.chart import COLOURS, Chart, Line
from streamdeq.evaluation.reporting.table import Cells, Style
from streamdeq.serving.bench.run import HIT, CamerasBench, Point

FORMAT = "streamdeq-bench-cameras-1"
SAID = {
    "served": "the server",
    "processes": "a process per camera",
    "queue": "one after another",
    "lockstep": "lock-step batches",
    "frames": "frame by frame",
    "peer": "a peer, frame by frame",
}
HEADING = [
    "",
    "cameras",
    "fps",
    "load",
    "of 1 step",
    "in time",
    "dropped",
    "steps",
    "age p50",
    "p99 ms",
    "shown",
    "own",
]


def render(bench: CamerasBench, place: str, metric: str, style: Style) -> str:
    """To be read; `place` is what it was measured on, `metric` what the last two columns are."""
    h, w = bench.frame_hw
    notes = [
        f"{bench.model}, {bench.films} films of {w}x{h}, on {place}. In lock-step this machine does "
        f"{bench.capacity[0]:.1f} frames per second at full steps and {bench.capacity[1]:.1f} at one.",
        f"load: arrivals over the former; of 1 step: over the latter. shown: {metric} of the newest answer there is "
        "when the next frame is due; own: of the answers for their own frames.",
    ]
    blocks = [style.table([HEADING, *map(_line, points)]) for points in (bench.curve, bench.held) if points]
    return style.page("", blocks, [*notes, *_verdict(bench)])


def to_plain(bench: CamerasBench, header: Mapping[str, Any]) -> dict[str, Any]:
    """For JSON."""
    return {"format": FORMAT, "header": dict(header), "benchmark": _plain(asdict(bench))}


def chart(bench: CamerasBench, metric: str) -> Chart:
    """What is on the screen, over the load."""
    lines, limit = [], bench.capacity[1] / bench.capacity[0]
    for number, way in enumerate(dict.fromkeys(point.way for point in bench.curve)):
        points = [(p.load, p.figures.shown.value) for p in bench.curve if p.way == way]
        kept = tuple((load, value) for load, value in points if value is not None)
        lines.append(Line(SAID[way], kept, COLOURS[number % len(COLOURS)], dots=True))
    cameras = bench.curve[0].cameras if bench.curve else 0
    title = f"{cameras} cameras, {bench.model}; dashed: capacity at full steps, at one"
    return Chart(title, "arrivals / capacity at full steps", f"{metric} on the screen", tuple(lines), marks=(1, limit))


def _line(point: Point) -> Cells:
    f = point.figures
    return [
        f"{SAID[point.way]} ({'≤ ' * (point.way == 'served' and point.steps > 1)}{point.steps})",
        str(point.cameras),
        f"{point.fps:.1f}",
        f"{point.load:.2f}",
        f"{point.least:.2f}",
        f"{f.hit:.1%}",
        str(f.dropped),
        f"{f.steps:.1f}",
        f"{f.age_ms[0]:.0f}",
        f"{f.age_ms[1]:.0f}",
        f.shown.text(),
        f.own.text(),
    ]


def _verdict(bench: CamerasBench) -> Sequence[str]:
    held = {point.way: point for point in bench.held}
    if "served" not in held:
        return []
    own, fps = held["served"], held["served"].fps
    others = [
        f"{SAID[way]} {point.cameras} (x {own.cameras / point.cameras:.2f})"
        for way, point in held.items()
        if way != "served"
    ]
    what = f"at {fps:.3g} fps and one step this machine holds {own.cameras} cameras ({HIT:.0%} in time)"
    return [f"{what}; {', '.join(others)}." if others else f"{what}."]


def _plain(value: Any) -> Any:
    """Without NaN, which JSON has not."""
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return None if isinstance(value, float) and isnan(value) else value
