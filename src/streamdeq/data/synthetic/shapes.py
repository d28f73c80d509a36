"""Flat pieces in metres, of which all things are made.

World: x to the right, y up from the ground, z along the street; metres. Colours are RGB, 0..255, as floats.
"""

import math
from functools import lru_cache
from typing import NamedTuple

Point = tuple[float, float, float]
Colour = tuple[float, float, float]


class Part(NamedTuple):
    """A polygon. `solid` parts make the outline of the thing; the others are paint upon it, or its shadow."""

    points: list[Point]
    colour: Colour
    solid: bool


class Thing(NamedTuple):
    """What is drawn as one, its parts back to front.

    `instance` is the same number in every frame of a clip; `z` is where the thing stands along the street;
    `joints` (of people) are 14 points in the order of `walkers.JOINTS`.
    """

    class_index: int
    instance: int
    z: float
    parts: list[Part]
    joints: tuple[Point, ...] = ()


def shade(colour: Colour, factor: float) -> Colour:
    return colour[0] * factor, colour[1] * factor, colour[2] * factor


def across(x0: float, x1: float, y0: float, y1: float, z: float) -> list[Point]:
    """A rectangle that faces the camera."""
    return [(x0, y0, z), (x1, y0, z), (x1, y1, z), (x0, y1, z)]


def along(x: float, y0: float, y1: float, z0: float, z1: float) -> list[Point]:
    """A rectangle parallel to the street."""
    return [(x, y0, z0), (x, y0, z1), (x, y1, z1), (x, y1, z0)]


def flat(x0: float, x1: float, y: float, z0: float, z1: float) -> list[Point]:
    """A rectangle parallel to the ground."""
    return [(x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1)]


def disc(centre: Point, radius: float, corners: int = 10) -> list[Point]:
    """A disc that faces the camera."""
    x, y, z = centre
    return [(x + radius * cos, y + radius * sin, z) for cos, sin in _circle(corners)]


@lru_cache
def _circle(corners: int) -> list[tuple[float, float]]:
    angles = [2 * math.pi * k / corners for k in range(corners)]
    return [(math.cos(a), math.sin(a)) for a in angles]


def capsule(start: Point, end: Point, radius0: float, radius1: float) -> list[Point]:
    """A limb from `start` to `end`, blunt at both ends, that faces the camera."""
    (x0, y0, z0), (x1, y1, z1) = start, end
    length = math.hypot(x1 - x0, y1 - y0) or 1.0
    dx, dy = (x1 - x0) / length, (y1 - y0) / length
    a, b = 0.8 * radius0, 0.8 * radius1
    return [
        (x0 - radius0 * dy, y0 + radius0 * dx, z0),
        (x0 - a * dx, y0 - a * dy, z0),
        (x0 + radius0 * dy, y0 - radius0 * dx, z0),
        (x1 + radius1 * dy, y1 - radius1 * dx, z1),
        (x1 + b * dx, y1 + b * dy, z1),
        (x1 - radius1 * dy, y1 + radius1 * dx, z1),
    ]
