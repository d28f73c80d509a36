"""The parts of the rendered street with answers known beforehand: camera, clipping, skeleton, majority."""

import math

import numpy as np
import pytest

from streamdeq.data.synthetic.camera import Camera, clip_near
from streamdeq.data.synthetic.render import majority
from streamdeq.data.synthetic.spec import StreetSpec, parse_street_spec
from streamdeq.data.synthetic.walkers import JOINTS, Person, skeleton

SOMEBODY = Person(1.8, 1.5, (0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0), 1.0)
BONES = [
    (f"{side} {a}", f"{side} {b}", length)
    for side in ("right", "left")
    for a, b, length in (
        ("hip", "knee", 0.245),
        ("knee", "ankle", 0.246),
        ("shoulder", "elbow", 0.17),
        ("elbow", "wrist", 0.16),
    )
]


def camera(bend: float) -> Camera:
    return Camera(1.6, 1.5, 100.0, 200.0, 80.3, (192, 256), bend, 0.0)


def test_a_point_straight_ahead_at_eye_level_is_in_the_middle_of_the_horizon() -> None:
    (pixel,) = camera(0.0).project(np.array([[1.6, 1.5, 130.0]]))
    np.testing.assert_allclose(pixel, (128.0, 80.3))
    (right,) = camera(0.0).project(np.array([[4.6, 0.0, 110.0]]))
    np.testing.assert_allclose(right, (128.0 + 200 * 0.3, 80.3 + 200 * 0.15))


@pytest.mark.parametrize("bend", [0.0, 0.006, -0.004])
def test_the_ground_under_a_pixel_projects_onto_that_pixel(bend: float) -> None:
    view = camera(bend)
    x, ahead, first = view.ground()
    assert first == 81
    for row, column in ((3, 10), (40, 128), (100, 250)):
        point = np.array([[x[row, column], 0.0, view.z + ahead[row, 0]]], np.float64)
        np.testing.assert_allclose(view.project(point)[0], (column + 0.5, first + row + 0.5), atol=1e-2)


def test_clipping_keeps_what_is_ahead() -> None:
    square = [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (1.0, 0.0, 2.0), (0.0, 0.0, 2.0)]
    assert sorted(clip_near(square, 1.0)) == sorted([(1, 0, 1), (1, 0, 2), (0, 0, 2), (0, 0, 1)])
    assert clip_near(square, -1.0) == square
    assert clip_near(square, 3.0) == []


@pytest.mark.parametrize("phase", np.linspace(0, 2 * math.pi, 9))
def test_bones_keep_their_length_while_walking(phase: float) -> None:
    at = dict(zip(JOINTS, skeleton(SOMEBODY, 5.0, 20.0, 0.7, phase, 1.0), strict=True))
    for a, b, length in BONES:
        assert math.dist(at[a], at[b]) == pytest.approx(length * SOMEBODY.height)
    ankles = at["right ankle"], at["left ankle"]
    assert min(ankle[1] for ankle in ankles) == pytest.approx(0.04 * SOMEBODY.height)
    assert at["head top"][1] == pytest.approx(SOMEBODY.height, rel=0.06)


def test_right_is_the_persons_own_right() -> None:
    away = dict(zip(JOINTS, skeleton(SOMEBODY, 0.0, 20.0, 0.0, 0.3, 1.0), strict=True))
    towards = dict(zip(JOINTS, skeleton(SOMEBODY, 0.0, 20.0, math.pi, 0.3, 1.0), strict=True))
    for joint in ("hip", "shoulder"):
        assert away[f"right {joint}"][0] > away[f"left {joint}"][0]
        assert towards[f"right {joint}"][0] < towards[f"left {joint}"][0]


def test_a_pixel_is_what_most_of_it_is_and_the_nearer_on_a_tie() -> None:
    quarters = {(1, 1, 1, 1): 1, (1, 9, 1, 1): 1, (5, 2, 5, 9): 5, (2, 2, 5, 9): 2, (2, 9, 9, 1): 9}
    quarters |= {(4, 7, 4, 7): 7, (1, 2, 3, 4): 4}
    for four, expected in quarters.items():
        assert majority(np.array(four).reshape(2, 2)).item() == expected


def test_settings_are_read_and_the_rest_has_its_default() -> None:
    assert parse_street_spec("") == StreetSpec()
    text = "seed=7,clips=2,frames=90,size=48x64,fps=25,cuts=30+60"
    assert parse_street_spec(text) == StreetSpec(7, 2, 90, (48, 64), 25.0, (30, 60))


def test_a_frame_belongs_to_the_shot_that_began_last() -> None:
    spec = StreetSpec(frames=90, cuts=(30, 60))
    assert [spec.shot(t) for t in (0, 29, 30, 59, 60, 89)] == [(0, 0), (0, 0), (1, 30), (1, 30), (2, 60), (2, 60)]
