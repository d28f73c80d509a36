"""A line chart as a PNG or SVG, drawn by matplotlib, which the extra `report` brings."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path

Colour = tuple[int, int, int]
Point = tuple[float, float]

#: Told apart by people who see colours differently (Okabe and Ito, 2008).
COLOURS: tuple[Colour, ...] = (
    (0, 0, 0), (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233),
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """`points` are (x, y) in the axes' units; there is a gap where y is not finite. One without a name is not in the
    legend."""

    name: str
    points: tuple[Point, ...]
    colour: Colour
    dashed: bool = False
    dots: bool = False


@dataclass(frozen=True)
class Chart:
    """What to draw. `marks` are x where a vertical line stands; `y_range` is found from the lines if None; `square`: a
    unit is as long across as up."""

    title: str
    x_name: str
    y_name: str
    lines: tuple[Line, ...]
    marks: tuple[float, ...] = ()
    y_range: tuple[float, float] | None = None
    log_y: bool = False
    square: bool = False
    log_x: bool = False


def save(chart: Chart, path: str | os.PathLike[str]) -> None:
    """The chart as an SVG, if `path` ends so, or a PNG of 760 × 400 pixels, whole or not at all."""
    figure = draw(chart)
    kind = "svg" if Path(path).suffix == ".svg" else "png"
    with atomic_path(path) as part:
        figure.savefig(part, format=kind)


def draw(chart: Chart) -> Any:
    """The chart as a matplotlib `Figure`.

    Raises:
        StreamdeqError: matplotlib is not installed.
    """
    check_installed()
    from matplotlib.figure import Figure  # not pyplot, which keeps every figure

    figure = Figure((7.6, 4), dpi=100, layout="constrained")
    axes = figure.subplots()
    axes.set(title=chart.title, xlabel=chart.x_name, ylabel=chart.y_name, axisbelow=True)
    axes.grid(color="0.9")
    axes.spines[:].set_visible(False)
    for x in chart.marks:
        axes.axvline(x, color="0.67", linestyle="--")
    for line in chart.lines:
        style = {
            "linestyle": (0, (3, 3)) if line.dashed else "-",
            "marker": "o" if line.dots else None,
            "markersize": 4,
        }
        xs, ys = zip(*line.points, strict=True) if line.points else ((), ())
        axes.plot(xs, ys, label=line.name or None, color=[part / 255 for part in line.colour], **style)
    if chart.log_y:
        axes.set_yscale("log")
    if chart.log_x:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter("{x:g}")
    if chart.square:
        axes.set_aspect("equal", adjustable="datalim")
    if chart.y_range is not None:
        axes.set_ylim(*chart.y_range)
    figure.legend(loc="outside right upper", frameon=False, fontsize="small")
    return figure


def check_installed() -> None:
    """Raises StreamdeqError if charts cannot be drawn here: to be asked before minutes of work, not after."""
    try:
        import matplotlib as matplotlib
    except ImportError:
        raise StreamdeqError(
            "charts are drawn with matplotlib, which is not installed: pip install 'streamdeq[report]'"
        ) from None
