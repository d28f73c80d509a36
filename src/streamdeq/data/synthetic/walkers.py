"""People as walking skeletons and as the limbs drawn upon them."""

import math
from dataclasses import dataclass

from streamdeq.data.synthetic.shapes import Colour, Part, Point, capsule, disc, flat, shade

JOINTS = (
    "right ankle", "right knee", "right hip", "left hip", "left knee", "left ankle",
    "right wrist", "right elbow", "right shoulder", "left shoulder", "left elbow", "left wrist",
    "neck", "head top",
)  # fmt: skip
"""The 14 key points of the Leeds Sports Pose data, in its order; right and left are the person's own."""

# Lengths in body heights.
_SHIN, _THIGH, _FOREARM, _UPPER_ARM = 0.246, 0.245, 0.16, 0.17
_TRUNK, _NECK, _HEAD = 0.29, 0.035, 0.145
_HIP_HALF, _SHOULDER_HALF = 0.055, 0.11
_ANKLE_HEIGHT = 0.04


@dataclass(frozen=True)
class Person:
    """`height` in metres; `stride` in metres for a left and a right step; colours of what is worn."""

    height: float
    stride: float
    skin: Colour
    hair: Colour
    shirt: Colour
    trousers: Colour
    build: float


def skeleton(person: Person, x: float, z: float, heading: float, phase: float, swing: float) -> tuple[Point, ...]:
    """The joints of someone at (x, z) who looks towards `heading` (0: along +z, pi / 2: along +x).

    `phase` in radians is where in the stride they are; `swing` in 0..1 how far the limbs go (0: standing).
    """
    size, joints = person.height, {}
    for side, name in ((1, "right"), (-1, "left")):
        stride = math.sin(phase + (0 if side > 0 else math.pi))
        lift = max(0.0, math.cos(phase + (0 if side > 0 else math.pi)))
        hip = (side * _HIP_HALF, 0.0, 0.0)
        thigh = 0.45 * swing * stride + 0.08 * swing
        knee = _hang(hip, thigh, _THIGH)
        joints[f"{name} hip"], joints[f"{name} knee"] = hip, knee
        joints[f"{name} ankle"] = _hang(knee, thigh - swing * (0.12 + 0.75 * lift), _SHIN)
        shoulder = (side * _SHOULDER_HALF, _TRUNK, 0.03 * swing)
        arm = -0.5 * swing * stride
        elbow = _hang(shoulder, arm, _UPPER_ARM)
        joints[f"{name} shoulder"], joints[f"{name} elbow"] = shoulder, elbow
        joints[f"{name} wrist"] = _hang(elbow, arm + 0.15 + 0.35 * swing, _FOREARM)
    joints["neck"] = (0.0, _TRUNK + _NECK, 0.035 * swing)
    joints["head top"] = (0.0, _TRUNK + _NECK + _HEAD, 0.05 * swing)
    lowest = min(joints["right ankle"][1], joints["left ankle"][1])
    cos, sin = math.cos(heading), math.sin(heading)
    placed = []
    for name in JOINTS:
        right, up, forward = joints[name]
        placed.append(
            (
                x + size * (right * cos + forward * sin),
                size * (up - lowest + _ANKLE_HEIGHT),
                z + size * (forward * cos - right * sin),
            )
        )
    return tuple(placed)


def _hang(joint: Point, angle: float, length: float) -> Point:
    """The lower end of a limb that hangs from `joint`, swung forwards by `angle`."""
    return joint[0], joint[1] - length * math.cos(angle), joint[2] + length * math.sin(angle)


def body(person: Person, joints: tuple[Point, ...]) -> list[Part]:
    """The person as parts, back to front."""
    at: dict[str, Point] = dict(zip(JOINTS, joints, strict=True))
    size = person.height * person.build
    limbs = []
    for side in ("right", "left"):
        ankle, knee, hip = (at[f"{side} {joint}"] for joint in ("ankle", "knee", "hip"))
        wrist, elbow, shoulder = (at[f"{side} {joint}"] for joint in ("wrist", "elbow", "shoulder"))
        toe = (ankle[0], 0.3 * ankle[1], ankle[2])
        limbs += [
            _limb(ankle, toe, 0.025 * size, 0.03 * size, (35, 30, 30)),
            _limb(knee, ankle, 0.034 * size, 0.026 * size, person.trousers),
            _limb(hip, knee, 0.05 * size, 0.036 * size, person.trousers),
            _limb(shoulder, elbow, 0.03 * size, 0.026 * size, shade(person.shirt, 0.88)),
            _limb(elbow, wrist, 0.025 * size, 0.022 * size, shade(person.shirt, 0.8)),
            Part(disc(wrist, 0.024 * size, 6), person.skin, True),
        ]
    limbs += _trunk_and_head(person, at, size)
    limbs.sort(key=lambda part: -sum(point[2] for point in part.points) / len(part.points))
    x, z = at["neck"][0], at["neck"][2]
    return [Part(flat(x - 0.3, x + 0.3, 0.0, z - 0.2, z + 0.2), (45, 45, 48), False), *limbs]


def _trunk_and_head(person: Person, at: dict[str, Point], size: float) -> list[Part]:
    hips = [at["right hip"], at["left hip"]]
    shoulders = [at["left shoulder"], at["right shoulder"]]
    pelvis, chest, neck = _middle(*hips), _middle(*shoulders), at["neck"]
    head = _middle(neck, at["head top"])
    # Half a turn of the right-hand direction: where the person looks.
    right = (shoulders[1][0] - shoulders[0][0], shoulders[1][2] - shoulders[0][2])
    look = (-right[1] / (2 * _SHOULDER_HALF), right[0] / (2 * _SHOULDER_HALF))
    face = (head[0] + 0.02 * look[0], head[1] - 0.005 * size, head[2] + 0.02 * look[1])
    hair = (head[0] - 0.02 * look[0], head[1] + 0.012 * size, head[2] - 0.02 * look[1])
    return [
        Part([*hips, *shoulders], person.shirt, True),
        # A person seen from the side still has a depth of chest.
        _limb(pelvis, chest, 0.07 * size, 0.075 * size, person.shirt),
        _limb(chest, neck, 0.04 * size, 0.03 * size, person.skin),
        Part(disc(face, 0.06 * size), person.skin, True),
        Part(disc(hair, 0.062 * size), person.hair, True),
    ]


def _middle(a: Point, b: Point) -> Point:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2


def _limb(start: Point, end: Point, radius0: float, radius1: float, colour: Colour) -> Part:
    return Part(capsule(start, end, radius0, radius1), colour, True)
