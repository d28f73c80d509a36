"""Lines, zones and their counts, drawn on a frame."""

from dataclasses import dataclass

import numpy as np

from streamdeq.tasks.drawing import supervision


@dataclass(frozen=True)
class LineMark:
    """A line in pixels, and what has crossed it."""

    name: str
    start: tuple[int, int]
    end: tuple[int, int]
    in_: int
    out: int


@dataclass(frozen=True, eq=False)
class ZoneMark:
    """A polygon (N, 2) in pixels, and how many are in it."""

    name: str
    polygon: np.ndarray
    inside: int


@dataclass(frozen=True)
class Marks:
    """What the rules of a camera say about one frame."""

    lines: tuple[LineMark, ...] = ()
    zones: tuple[ZoneMark, ...] = ()


def draw_marks(image: np.ndarray, marks: Marks) -> np.ndarray:
    """The frame (H, W, 3) uint8 RGB with lines, zones and counts on it, as a new array."""
    sv, scene = supervision("lines and zones", "detection"), image.copy()
    small = min(image.shape[:2])
    thickness, size = max(1, small // 240), max(0.3, small / 1000)
    # Its colours are for BGR pictures.
    line, zone, ink = sv.Color(r=40, g=200, b=250), sv.Color(r=250, g=180, b=60), sv.Color(r=20, g=20, b=20)
    for one in marks.zones:
        sv.draw_polygon(scene, one.polygon, zone, thickness)
        place = sv.Point(*map(int, one.polygon.mean(axis=0)))
        sv.draw_text(scene, f"{one.name}: {one.inside}", place, ink, size, background_color=zone)
    for one in marks.lines:
        sv.draw_line(scene, sv.Point(*one.start), sv.Point(*one.end), line, thickness)
        place = sv.Point(*((a + b) // 2 for a, b in zip(one.start, one.end, strict=True)))
        sv.draw_text(scene, f"{one.name}: {one.in_} in, {one.out} out", place, ink, size, background_color=line)
    return scene
