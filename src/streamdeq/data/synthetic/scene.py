"""What stands and moves where, at any time, in one endless street.

The street is divided into blocks, and a block's content is drawn from (the scene's key, the kind, the block's
number): nothing is stored, and any moment can be asked for. What moves with one speed shares blocks that move
along ("belts"): a walker is the same walker in every frame. Lanes, from the middle outwards: driving lane,
parked cars, pavement, houses; `drive_side` says whether one drives on the right (+1) or on the left (-1).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from streamdeq.data.synthetic.camera import Camera
from streamdeq.data.synthetic.cars import Car, car_parts
from streamdeq.data.synthetic.scenery import House, Tree, house_parts, lamp_parts, sign_parts, tree_parts
from streamdeq.data.synthetic.shapes import Colour, Thing
from streamdeq.data.synthetic.walkers import Person, body, skeleton

CLASSES = ("sky", "building", "road", "pavement", "tree", "pole", "car", "person")
SKY, BUILDING, ROAD, PAVEMENT, TREE, POLE, CAR, PERSON = range(len(CLASSES))

LANE_X, PARKED_X, KERB_X, HOUSE_X = 1.6, 4.25, 5.3, 8.3
VIEW_M, FAR_M = 90.0, 150.0
"""How far ahead things are drawn, and houses."""

_CAR_COLOURS = ((190, 192, 195), (60, 62, 66), (150, 30, 32), (35, 60, 120), (225, 225, 222), (40, 85, 60),
                (110, 112, 116), (200, 150, 50))  # fmt: skip
_WALLS = ((150, 92, 74), (196, 178, 150), (168, 160, 150), (214, 206, 192), (128, 108, 92), (140, 130, 122))
_SKIN = ((224, 182, 152), (190, 140, 105), (120, 80, 58), (238, 200, 175))


@dataclass(frozen=True)
class Scene:
    """One street, all of it from `key`."""

    key: tuple[int, ...]
    _draws: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_draws", np.random.default_rng(self.key).random(32))

    def draw(self, number: int, low: float, high: float) -> float:
        """The scene's own constants, by number."""
        return low + (high - low) * float(self._draws[number])

    @cached_property
    def drive_side(self) -> int:
        return 1 if self.draw(0, 0, 1) < 0.6 else -1

    @cached_property
    def speed(self) -> float:
        """Of the camera, in m/s."""
        return self.draw(1, 4.0, 11.0)

    @cached_property
    def start(self) -> float:
        return self.draw(2, 0, 4000.0)

    def camera(self, time_s: float, size_hw: tuple[int, int]) -> Camera:
        """Where the camera is after `time_s`: it drives, wobbles sideways and nods."""
        height, width = size_hw
        rate = self.draw(3, 0.15, 0.35)
        z = self.start + self.speed * (time_s + 0.35 * math.sin(rate * time_s) / rate)
        x = self.drive_side * LANE_X + self.draw(4, 0.05, 0.3) * math.sin(0.5 * time_s + self.draw(5, 0, 6))
        nod = 0.0035 * math.sin(7.5 * time_s + self.draw(6, 0, 6)) + 0.004 * math.sin(1.1 * time_s)
        focal = self.draw(7, 0.75, 0.9) * max(width, height)
        bend, heading = self._bend(z)
        horizon = (self.draw(8, 0.42, 0.5)) * height + focal * nod
        return Camera(x, self.draw(9, 1.3, 1.7), z, focal, horizon, size_hw, bend, heading)

    def _bend(self, z: float) -> tuple[float, float]:
        """The street's curvature in 1/m around `z`, and its direction, the integral of that."""
        size, wave, phase = self.draw(10, -1 / 140, 1 / 140), self.draw(11, 45.0, 80.0), self.draw(12, 0, 6)
        return size * math.sin(z / wave + phase), -size * wave * math.cos(z / wave + phase)

    def things(self, time_s: float, camera: Camera) -> list[Thing]:
        """All that may be in view, far to near, houses first (nothing ever stands behind one of them)."""
        moving = [*self._parked(camera), *self._traffic(time_s, camera), *self._walkers(time_s, camera)]
        moving += self._furniture(camera)
        moving.sort(key=lambda thing: -thing.z)
        houses = sorted(self._houses(camera), key=lambda thing: -thing.z)
        return houses + moving

    def _blocks(
        self, kind: int, near: float, far: float, length: float, draws: int
    ) -> Iterator[tuple[float, int, np.ndarray]]:
        """For each block of a kind that touches near..far: its beginning, a number of its own, its draws."""
        for block in range(math.floor(near / length), math.floor(far / length) + 1):
            number = (kind << 24) + block + (1 << 23)
            yield block * length, number << 2, _draws((*self.key, number), draws)

    def _houses(self, camera: Camera) -> Iterator[Thing]:
        for side in (-1, 1):
            for z, number, d in self._blocks(2 + side, camera.z - 30, camera.z + FAR_M, 30.0, 28):
                middle = 10 + 10 * d[0]
                for k, (z0, z1) in enumerate(((z, z + middle), (z + middle, z + 30.0))):
                    e = d[1 + 13 * k :]
                    if e[0] < 0.14 or z1 - camera.z < 1.0:
                        continue
                    lit = 0.82 if side * (self.draw(13, 0, 1) - 0.5) < 0 else 1.06
                    wall = _vary(_WALLS[int(e[1] * len(_WALLS))], e[2:5], 26)
                    house = House(
                        side, side * (HOUSE_X + 1.2 * e[5]), z0, z1 - (1.5 if e[6] < 0.2 else 0.0),
                        2 + int(3 * e[7]), 3.2 * e[8], 2.6 + 1.2 * e[9], wall, _vary((205, 200, 190), e[2:5],
                        30), _vary((112, 78, 66), e[9:12], 40), _vary((105, 100, 96), e[9:12], 90), lit,
                    )  # fmt: skip
                    yield Thing(BUILDING, number + k, z0, house_parts(house, camera.z))

    def _furniture(self, camera: Camera) -> Iterator[Thing]:
        """Trees, lamps and signs along the kerb."""
        leafy = self.draw(14, 0.1, 0.75)
        for side in (-1, 1):
            x = side * (KERB_X + 0.55)
            for z, number, d in self._blocks(8 + side, camera.z, camera.z + VIEW_M, 9.0, 40):
                if not camera.may_see(x, z + 4.5, 6.5):
                    continue
                if d[0] < leafy:
                    tree = _tree(x + 0.3 * (d[1] - 0.5), z + 2 * d[2], d[3:], self.draw(15, 0, 1))
                    yield Thing(TREE, number, tree.z, tree_parts(tree))
                if d[37] < 0.3:
                    parts = lamp_parts(x, z + 5, side, 5.5 + 2 * self.draw(16, 0, 1))
                    yield Thing(POLE, number + 1, z + 5, parts)
                if d[38] < 0.22:
                    colour: Colour = ((196, 34, 34), (30, 70, 160), (215, 170, 40))[int(3 * d[39])]
                    yield Thing(POLE, number + 2, z + 7, sign_parts(x, z + 7, d[39] < 0.6, colour))

    def _parked(self, camera: Camera) -> Iterator[Thing]:
        crowd = self.draw(17, 0.05, 0.6)
        for side in (-1, 1):
            for z, number, d in self._blocks(16 + side, camera.z, camera.z + VIEW_M, 6.4, 8):
                if d[0] < crowd:
                    away = side == self.drive_side
                    yield self._car(number, side * (PARKED_X + 0.15 * d[1]), z + 3.2, away, d, camera)

    def _traffic(self, time_s: float, camera: Camera) -> Iterator[Thing]:
        """Oncoming cars, and up to two ahead that neither leave nor come too close."""
        oncoming = -self.draw(18, 6.0, 11.0) * time_s
        near, far = camera.z - oncoming, camera.z + VIEW_M - oncoming
        for z, number, d in self._blocks(24, near, far, 22.0, 8):
            if d[0] < self.draw(19, 0.2, 0.7):
                x = -self.drive_side * (LANE_X + 0.3 * (d[1] - 0.5))
                yield self._car(number, x, z + oncoming + 8 * d[2], False, d, camera)
        for k, d in enumerate(np.random.default_rng((*self.key, 1)).random((2, 9))):
            if d[8] < (0.75, 0.5)[k]:
                gap = 10 + 8 * d[1] + 22 * k + (2.5 + 3 * k) * math.sin((0.4 + 0.4 * d[2]) * time_s + 6 * d[3])
                x = self.drive_side * LANE_X + 0.2 * math.sin(0.6 * time_s + 6 * d[4])
                yield self._car((25 << 26) + k, x, camera.z + gap, True, d, camera)

    def _car(self, number: int, x: float, z: float, away: bool, d: np.ndarray, camera: Camera) -> Thing:
        colour = _vary(_CAR_COLOURS[int(d[6] * len(_CAR_COLOURS))], d[3:6], 30)
        tall = d[7] ** 3
        car = Car(3.8 + d[5] + 0.5 * tall, 1.68 + 0.15 * d[4] + 0.12 * tall, 1.42 + 0.75 * tall,
                  0.62 + 0.3 * tall, colour)  # fmt: skip
        return Thing(CAR, number, z, car_parts(car, x, z, away, camera.eye_x(z)))

    def _walkers(self, time_s: float, camera: Camera) -> Iterator[Thing]:
        """Four belts of walkers, one each way on each pavement, and people who stand about."""
        crowd = self.draw(20, 0.3, 0.9)
        for belt, (side, way) in enumerate(((-1, -1), (-1, 1), (1, -1), (1, 1), (-1, 0), (1, 0))):
            moved = way * self.draw(21 + belt, 1.0, 1.7) * time_s
            near, far = camera.z - moved, camera.z + VIEW_M - moved
            for z, number, d in self._blocks(32 + belt, near, far, 8.0 if way else 16.0, 20):
                if d[0] >= crowd:
                    continue
                place, person = z + 7 * d[1], _person(d[4:])
                heading = (0.0 if way > 0 else math.pi) if way else 2 * math.pi * d[2]
                phase = 2 * math.pi * (place + moved * (1 if way else 0)) / person.stride * (way or 1)
                x = side * (KERB_X + 0.9 + (HOUSE_X - KERB_X - 1.3) * d[3])
                if not camera.may_see(x, place + moved, 1.0):
                    continue
                joints = skeleton(person, x, place + moved, heading, phase, 1.0 if way else 0.12)
                yield Thing(PERSON, number, place + moved, body(person, joints), joints)


@lru_cache(maxsize=2048)
def _draws(key: tuple[int, ...], count: int) -> np.ndarray:
    """The draws of a block, kept because the next frame asks for them again."""
    return np.random.default_rng(key).random(count)


def _person(d: np.ndarray) -> Person:
    height = 1.5 + 0.4 * float(d[0])
    return Person(
        height, 0.86 * height, _SKIN[int(d[1] * len(_SKIN))], _vary((70, 55, 42), d[2:5], 60),
        _vary((120, 105, 110), d[5:8], 190), _vary((62, 62, 78), d[8:11], 70), 0.9 + 0.35 * float(d[11]),
    )  # fmt: skip


def _tree(x: float, z: float, d: np.ndarray, season: float) -> Tree:
    trunk, size = 2.0 + 1.2 * d[0], 0.8 + 0.5 * d[1]
    crown = _vary((62 + 60 * season, 88 - 14 * season, 44), d[2:5], 26)
    blobs = []
    for a, b, c, e in d[5:33].reshape(7, 4):
        place = (2.2 * (a - 0.5) * size, trunk + 0.6 + 2.6 * b * size, 1.6 * (c - 0.5) * size)
        blobs.append((*place, (0.65 + 0.5 * e) * size, 0.75 + 0.2 * b + 0.25 * e))
    return Tree(x, z, trunk, crown, tuple(sorted(blobs, key=lambda blob: -blob[2])))


def _vary(colour: Colour, d: np.ndarray, spread: float) -> Colour:
    red, green, blue = (min(250.0, max(8.0, c + spread * (float(v) - 0.5))) for c, v in zip(colour, d, strict=True))
    return red, green, blue
