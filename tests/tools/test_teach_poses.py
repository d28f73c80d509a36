"""Joints that a network vets and fills in: the rule."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/teach"))
from label_poses import around, looked_at, taught
from movenet import NAMES as THEIRS
from vet import OTHER_SIDE, PLACES, Vetting, vetted

from streamdeq.data.prepare.lspet_crops import NAMES

RULE = Vetting()


def standing() -> np.ndarray:
    """Joints (14, 2) of somebody 100 pixels tall, no two in one place."""
    return np.stack([10.0 * np.arange(14) % 37, np.linspace(100, 0, 14)], axis=1)


def seen_of(joints: np.ndarray, score: float = 0.9) -> np.ndarray:
    """A network's answer (17, 3) with its joints there."""
    seen = np.zeros((len(THEIRS), 3))
    seen[PLACES[PLACES >= 0], :2], seen[PLACES[PLACES >= 0], 2] = joints[PLACES >= 0], score
    return seen


def test_joints_are_paired_by_their_names_and_neck_and_head_top_with_none():
    assert [NAMES[k] for k in np.flatnonzero(PLACES < 0)] == ["neck", "head_top"]
    assert all(THEIRS[place] == name for place, name in zip(PLACES, NAMES, strict=True) if place >= 0)
    assert [NAMES[k] for k in OTHER_SIDE[:3]] == ["left_ankle", "left_knee", "left_hip"]
    assert OTHER_SIDE[12:].tolist() == [12, 13]


def test_what_agrees_stays_what_lacks_is_filled_in_and_what_is_contradicted_goes():
    marks, truth = standing() + 1.0, standing()
    marks[1] = np.nan
    marks[7] += 40
    joints, count = vetted(marks, seen_of(truth), 100.0, RULE)
    assert joints is not None
    np.testing.assert_array_equal(joints[1], truth[1])
    assert np.isnan(joints[7]).all()
    kept = [k for k in range(14) if k not in (1, 7)]
    np.testing.assert_array_equal(joints[kept], marks[kept])
    assert count == {"joints kept": 12, "joints filled in": 1, "joints taken away": 1, "pictures": 1}


def test_a_mark_stays_where_the_network_is_not_sure():
    marks = standing() + 50
    joints, count = vetted(marks, seen_of(standing(), score=0.3), 100.0, RULE)
    np.testing.assert_array_equal(joints, marks)
    assert count["joints filled in"] == 0


def test_somebody_marked_with_left_for_right_is_turned_around():
    joints, count = vetted(standing()[OTHER_SIDE], seen_of(standing()), 100.0, RULE)
    np.testing.assert_array_equal(joints, standing())
    assert count["people turned around"] == 1


@pytest.mark.parametrize("wrong", [5, 12])
def test_a_picture_of_somebody_else_is_left_out(wrong: int):
    marks = standing()
    marks[:wrong] += 60
    joints, count = vetted(marks, seen_of(standing()), 100.0, RULE)
    assert (joints, count) == (None, {"pictures left out": 1})


def test_the_square_that_is_looked_at_brings_its_points_back():
    image = np.zeros((120, 160, 3), np.uint8)
    image[60:64, 90:94] = 255
    crop, (scale, left, top) = looked_at(image, np.array([80.0, 50.0, 100.0, 70.0]), 1.4, 256)
    y, x = np.nonzero(crop[:, :, 0] > 128)
    assert scale == pytest.approx(256 / 28)
    assert [x.mean() / scale + left, y.mean() / scale + top] == pytest.approx([91.5, 61.5], abs=0.1)


def test_the_second_look_is_around_what_the_first_found():
    truth = standing() + 200
    marks = truth.copy()
    marks[:3] = np.nan  # the legs' lower parts
    asked: list[np.ndarray] = []

    class Network:
        """Tells the truth in the pixels of what it is shown, as `ask` computes them."""

        def __call__(self, crop: np.ndarray) -> np.ndarray:
            box = around(marks) if not asked else around(truth)
            scale = 256 / ((1.4 if asked else 1.8) * (box[2:] - box[:2]).max())
            asked.append(box)
            return seen_of((truth - (box[:2] + box[2:]) / 2) * scale + 128)

    image = np.zeros((400, 400, 3), np.uint8)
    joints, box, count = taught(Network(), image, marks, np.zeros((0, 4)), RULE)  # type: ignore[arg-type]
    assert joints is not None
    np.testing.assert_allclose(joints, truth, atol=1e-6)
    np.testing.assert_allclose(box, around(truth), atol=1e-6)
    assert count["joints filled in"] == 3
