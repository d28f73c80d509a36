"""What stands still: houses, trees, lamps and signs."""

from dataclasses import dataclass

from streamdeq.data.synthetic.shapes import Colour, Part, Point, across, along, capsule, disc, shade

FLOOR_M = 3.1
_DETAIL_M = 50.0
"""Farther than this, windows are smaller than pixels."""


@dataclass(frozen=True)
class House:
    """A facade at `x` along the street from `z0` to `z1`; `side` is +1 right of the street, -1 left of it."""

    side: int
    x: float
    z0: float
    z1: float
    floors: int
    roof: float
    bay: float
    wall: Colour
    trim: Colour
    tiles: Colour
    shop: Colour
    lit: float


def house_parts(house: House, camera_z: float) -> list[Part]:
    height = house.floors * FLOOR_M + 0.8
    back, ridge = house.x + house.side * 11, house.x + house.side * 4.5
    gable: list[Point] = [(house.x, height, house.z0), (ridge, height + house.roof, house.z0)]
    gable.append((back, height, house.z0))
    slope: list[Point] = [(house.x, height, house.z0), (house.x, height, house.z1)]
    slope += [(ridge, height + house.roof, house.z1), (ridge, height + house.roof, house.z0)]
    end = across(min(house.x, back), max(house.x, back), 0.0, height, house.z0)
    parts = [
        Part(end, shade(house.wall, 0.72), True),
        Part(gable, shade(house.wall, 0.7), True),
        Part(slope, house.tiles, True),
        Part(along(house.x, 0.0, height, house.z0, house.z1), shade(house.wall, house.lit), True),
        Part(along(house.x, 0.0, FLOOR_M, house.z0, house.z1), shade(house.shop, house.lit), False),
        Part(along(house.x, height - 0.4, height, house.z0, house.z1), shade(house.trim, house.lit), False),
    ]
    return parts + _windows(house) if house.z0 - camera_z < _DETAIL_M else parts


def _windows(house: House) -> list[Part]:
    parts, glass = [], (62.0, 70.0, 80.0)
    columns = max(1, int((house.z1 - house.z0) / house.bay))
    pitch = (house.z1 - house.z0) / columns
    for column in range(columns):
        z = house.z0 + (column + 0.5) * pitch
        parts.append(Part(along(house.x, 0.0, 2.4, z - 0.36 * pitch, z + 0.36 * pitch), shade(glass, 0.8), False))
        for floor in range(1, house.floors):
            y = floor * FLOOR_M + 0.8
            tint = shade(glass, 0.8 + 0.25 * ((7 * column + 3 * floor) % 4) / 3)
            parts.append(Part(along(house.x, y - 0.12, y + 1.75, z - 0.72, z + 0.72), house.trim, False))
            parts.append(Part(along(house.x, y, y + 1.6, z - 0.58, z + 0.58), tint, False))
    return parts


@dataclass(frozen=True)
class Tree:
    """`blobs` are (x, y, z, radius, brightness) of the crown's clumps, relative to its foot, back to
    front."""

    x: float
    z: float
    trunk: float
    crown: Colour
    blobs: tuple[tuple[float, float, float, float, float], ...]


def tree_parts(tree: Tree) -> list[Part]:
    bark: Colour = (72, 60, 48)
    parts = [Part(across(tree.x - 0.14, tree.x + 0.14, 0.0, tree.trunk + 0.8, tree.z), bark, True)]
    for x, y, z, radius, brightness in tree.blobs:
        outline = disc((tree.x + x, y, tree.z + z), radius, 9)
        parts.append(Part(outline, shade(tree.crown, brightness), True))
        glint = disc((tree.x + x - 0.25 * radius, y + 0.3 * radius, tree.z + z), 0.55 * radius, 7)
        parts.append(Part(glint, shade(tree.crown, 1.25 * brightness), False))
    return parts


def lamp_parts(x: float, z: float, side: int, height: float) -> list[Part]:
    """A street lamp whose arm reaches over the street."""
    steel: Colour = (92, 96, 98)
    arm_end = (x - side * 1.6, height + 0.25, z)
    return [
        Part(across(x - 0.09, x + 0.09, 0.0, height, z), steel, True),
        Part(across(x - 0.14, x + 0.14, 0.0, 1.1, z), shade(steel, 0.8), True),
        Part(capsule((x, height, z), arm_end, 0.07, 0.06), steel, True),
        Part(across(arm_end[0] - 0.35, arm_end[0] + 0.35, height + 0.12, height + 0.32, z), (205, 205, 195), True),
    ]


def sign_parts(x: float, z: float, round_plate: bool, colour: Colour) -> list[Part]:
    """A traffic sign that faces the camera."""
    steel: Colour = (128, 130, 132)
    centre = (x, 2.5, z)
    plate = disc(centre, 0.42, 12) if round_plate else across(x - 0.5, x + 0.5, 2.1, 2.9, z)
    face = disc(centre, 0.29, 12) if round_plate else across(x - 0.38, x + 0.38, 2.25, 2.75, z)
    return [
        Part(across(x - 0.05, x + 0.05, 0.0, 2.5, z), steel, True),
        Part(plate, colour, True),
        Part(face, (228, 228, 224), False),
    ]
