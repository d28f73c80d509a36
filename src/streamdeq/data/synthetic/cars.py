"""Cars as boxes with windows, wheels and lights."""

import math
from dataclasses import dataclass

from streamdeq.data.synthetic.shapes import Colour, Part, Point, across, along, flat, shade

_GLASS: Colour = (52, 60, 70)
_TYRE: Colour = (28, 28, 30)


@dataclass(frozen=True)
class Car:
    """`length`, `width`, `height` in metres; `cabin` is the share of the length that is as high as the
    roof."""

    length: float
    width: float
    height: float
    cabin: float
    colour: Colour


def car_parts(car: Car, x: float, z: float, away: bool, eye_x: float) -> list[Part]:
    """The car centred at (x, z), back to front, for a camera at `eye_x`; `away`: it shows its back."""
    near, far = z - car.length / 2, z + car.length / 2
    left, right = x - car.width / 2, x + car.width / 2
    side = right if eye_x > x else left
    parts = [Part(flat(left - 0.15, right + 0.15, 0.0, near - 0.25, far), (38, 38, 42), False)]
    if not left <= eye_x <= right:
        parts += _flank(car, side, near, far, x)
    return parts + _end(car, x, near, away)


def _profile(car: Car, near: float, far: float) -> tuple[float, float, float, float]:
    """z of the cabin's foot and roof: near foot, near roof, far roof, far foot."""
    slack = (far - near) * (1 - car.cabin)
    return near + 0.15 * slack, near + 0.4 * slack, far - 0.85 * slack, far - 0.55 * slack


def _flank(car: Car, side: float, near: float, far: float, x: float) -> list[Part]:
    waist, roof = 0.58 * car.height, car.height
    inset = side + 0.12 * (1 if x > side else -1)
    foot0, roof0, roof1, foot1 = _profile(car, near, far)
    roof1, foot1 = max(roof1, roof0 + 0.5), max(foot1, roof0 + 1.0)
    glass0, glass1 = foot0 + 0.25, foot1 - 0.25
    body = shade(car.colour, 0.8)
    cabin: list[Point] = [(side, waist, foot0), (inset, roof, roof0), (inset, roof, roof1), (side, waist, foot1)]
    pane: list[Point] = [
        (side, waist, glass0),
        (inset, roof - 0.1, roof0 + 0.12),
        (inset, roof - 0.1, roof1 - 0.1),
        (side, waist, glass1),
    ]
    parts = [Part(cabin, body, True), Part(pane, _GLASS, False)]
    parts.append(Part(along(side, 0.22, waist, near, far), body, True))
    parts.append(Part(along(side, 0.22, 0.3, near, far), shade(body, 0.6), False))
    for share in (0.18, 0.81):
        centre = (side, 0.31, near + share * (far - near))
        parts.append(Part(_wheel(centre, 0.31), _TYRE, True))
        parts.append(Part(_wheel(centre, 0.17), (120, 120, 124), False))
    return parts


def _wheel(centre: Point, radius: float) -> list[Point]:
    angles = [2 * math.pi * k / 10 for k in range(10)]
    return [(centre[0], centre[1] + radius * math.sin(a), centre[2] + radius * math.cos(a)) for a in angles]


def _end(car: Car, x: float, z: float, away: bool) -> list[Part]:
    """The end that faces the camera: bumper, body, window, lights, plate."""
    half, waist, roof = car.width / 2, 0.58 * car.height, car.height
    slant = z + 0.15 * (car.length * (1 - car.cabin))
    top = z + 0.4 * (car.length * (1 - car.cabin))
    light: Colour = (190, 30, 28) if away else (235, 232, 215)
    narrow = half - 0.16
    cabin: list[Point] = [(x - half, waist, slant), (x + half, waist, slant), (x + narrow, roof, top)]
    cabin.append((x - narrow, roof, top))
    pane: list[Point] = [(x - half + 0.14, waist + 0.04, slant), (x + half - 0.14, waist + 0.04, slant)]
    pane += [(x + narrow - 0.06, roof - 0.1, top), (x - narrow + 0.06, roof - 0.1, top)]
    return [
        Part(across(x - half + 0.05, x - half + 0.27, 0.0, 0.4, z + 0.3), _TYRE, True),
        Part(across(x + half - 0.27, x + half - 0.05, 0.0, 0.4, z + 0.3), _TYRE, True),
        Part(cabin, car.colour, True),
        Part(pane, _GLASS, False),
        Part([(x - half, waist, z), (x + half, waist, z), (x + half, waist, slant), (x - half, waist, slant)],
             shade(car.colour, 1.12), True),
        Part(across(x - half, x + half, 0.22, waist, z), car.colour, True),
        Part(across(x - half, x + half, 0.22, 0.4, z), shade(car.colour, 0.55), False),
        Part(across(x - half + 0.03, x - half + 0.35, waist - 0.3, waist - 0.1, z), light, False),
        Part(across(x + half - 0.35, x + half - 0.03, waist - 0.3, waist - 0.1, z), light, False),
        Part(across(x - 0.26, x + 0.26, 0.43, 0.54, z), (215, 210, 170), False),
    ]  # fmt: skip
