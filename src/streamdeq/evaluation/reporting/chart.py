"""A line chart as a picture, drawn with Pillow alone."""

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from PIL import Image, ImageDraw, ImageFont

from streamdeq.files import atomic_path

Colour = tuple[int, int, int]
Point = tuple[float, float]
Box = tuple[float, float, float, float]

#: Told apart by people who see colours differently (Okabe and Ito, 2008).
COLOURS: tuple[Colour, ...] = (
    (0, 0, 0), (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233),
)  # fmt: skip
_GRID, _TEXT, _MARK = (228, 228, 228), (40, 40, 40), (170, 170, 170)
#: Drawn larger and averaged down: Pillow's lines have no anti-aliasing.
_FINER = 3


@dataclass(frozen=True)
class Line:
    """`points` are (x, y) in the axes' units, x ascending; a y that is not finite is left out."""

    name: str
    points: tuple[Point, ...]
    colour: Colour
    dashed: bool = False
    dots: bool = False


@dataclass(frozen=True)
class Chart:
    """What to draw. `marks` are x where a vertical line stands; `y_range` is found from the lines if None."""

    title: str
    x_name: str
    y_name: str
    lines: tuple[Line, ...]
    marks: tuple[float, ...] = ()
    y_range: tuple[float, float] | None = None


def save(chart: Chart, path: str | os.PathLike[str]) -> None:
    """The chart as a PNG, whole or not at all."""
    with atomic_path(path) as part:
        draw(chart).save(part, "PNG")


def draw(chart: Chart, size_wh: tuple[int, int] = (760, 400)) -> Image.Image:
    """The chart as an RGB picture of `size_wh` pixels; the legend takes the right quarter."""
    width, height = size_wh
    sheet = _Sheet(Image.new("RGB", (width * _FINER, height * _FINER), "white"), (58, 54, width * 0.74, height - 48))
    points = [p for line in chart.lines for p in line.points if math.isfinite(p[1])]
    x_ticks = ticks(min(x for x, _ in points), max(x for x, _ in points))
    y_ticks = ticks(*(chart.y_range or (min(y for _, y in points), max(y for _, y in points))))
    sheet.range = (x_ticks[0], y_ticks[0], x_ticks[-1], y_ticks[-1])
    sheet.axes(x_ticks, y_ticks)
    left, top, right, bottom = sheet.box
    sheet.text((left, 10), chart.title, 15)
    sheet.text(((left + right) / 2, bottom + 26), chart.x_name, 12, "ma")
    sheet.text((left, top - 6), chart.y_name, 12, "ls")
    for x in chart.marks:
        sheet.line([sheet.place((x, y_ticks[0])), sheet.place((x, y_ticks[-1]))], _MARK, 1.2, dashed=True)
    for number, line in enumerate(chart.lines):
        _draw_line(sheet, line)
        y = top + 10 + 20 * number
        sheet.line([(right + 12, y), (right + 36, y)], line.colour, 1.8, line.dashed)
        sheet.text((right + 42, y), line.name, 12, "lm")
    return sheet.picture.reduce(_FINER)


def ticks(low: float, high: float, about: int = 6) -> tuple[float, ...]:
    """Round numbers from at most `low` to at least `high`, about `about` of them, at least two."""
    span = (high - low) or abs(high) or 1.0
    rough = span / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return tuple(round(n * step, 10) for n in range(first, max(last, first + 1) + 1))


@dataclass
class _Sheet:
    """A picture with a plot area `box` (left, top, right, bottom; pixels of the finished picture) on it."""

    picture: Image.Image
    box: Box
    range: Box = (0, 0, 1, 1)

    def place(self, point: Point) -> Point:
        """From the axes' units to pixels."""
        left, top, right, bottom = self.box
        x0, y0, x1, y1 = self.range
        # What lies outside stays at the border, so that it is seen to be outside.
        y = min(max(point[1], y0), y1)
        return left + (point[0] - x0) / (x1 - x0) * (right - left), bottom - (y - y0) / (y1 - y0) * (bottom - top)

    def line(self, pixels: Sequence[Point], colour: Colour, thick: float, dashed: bool = False) -> None:
        brush = ImageDraw.Draw(self.picture)
        for ends in _dashes(pixels) if dashed else pairwise(pixels):
            brush.line([v * _FINER for end in ends for v in end], fill=colour, width=round(thick * _FINER))

    def dot(self, pixel: Point, colour: Colour) -> None:
        ends = [(v + r) * _FINER for r in (-2.5, 2.5) for v in pixel]
        ImageDraw.Draw(self.picture).ellipse(ends, fill=colour)

    def text(self, pixel: Point, words: str, points: int, anchor: str = "la") -> None:
        font = ImageFont.load_default(points * _FINER)
        at = (pixel[0] * _FINER, pixel[1] * _FINER)
        ImageDraw.Draw(self.picture).text(at, words, fill=_TEXT, font=font, anchor=anchor)

    def axes(self, x_ticks: Sequence[float], y_ticks: Sequence[float]) -> None:
        left, _, _, bottom = self.box
        for x in x_ticks:
            column, _ = self.place((x, y_ticks[0]))
            self.line([self.place((x, y_ticks[0])), self.place((x, y_ticks[-1]))], _GRID, 1)
            self.text((column, bottom + 8), f"{x:g}", 11, "ma")
        for y in y_ticks:
            _, row = self.place((x_ticks[0], y))
            self.line([self.place((x_ticks[0], y)), self.place((x_ticks[-1], y))], _GRID, 1)
            self.text((left - 6, row), f"{y:g}", 11, "rm")


def _dashes(pixels: Sequence[Point], length: float = 5.0) -> Iterator[tuple[Point, Point]]:
    """Every other `length` pixels along the way, whatever pieces it is made of."""
    walked = 0.0
    for (xa, ya), (xb, yb) in pairwise(pixels):
        whole, at = math.dist((xa, ya), (xb, yb)), 0.0
        while at < whole - 1e-6:
            number = math.floor((walked + at) / length + 1e-6)
            end = min(whole, (number + 1) * length - walked)
            if number % 2 == 0:
                a, b = at / whole, end / whole
                yield (xa + a * (xb - xa), ya + a * (yb - ya)), (xa + b * (xb - xa), ya + b * (yb - ya))
            at = end
        walked += whole


def _draw_line(sheet: _Sheet, line: Line) -> None:
    run: list[Point] = []
    for x, y in (*line.points, (math.nan, math.nan)):
        if math.isfinite(y):
            run.append(sheet.place((x, y)))
            continue
        sheet.line(run, line.colour, 1.8, line.dashed)
        for pixel in run if line.dots else ():
            sheet.dot(pixel, line.colour)
        run = []
