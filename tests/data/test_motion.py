"""The made-up frame before a picture."""

from dataclasses import replace

import numpy as np
import torch

from streamdeq.data.augment.colour import Jitter
from streamdeq.data.augment.motion import Motion

STILL = Motion(shift=0.0, zoom=0.0, turn=0.0, jitter=Jitter(0.0, 0.0, 0.0, 0.0), objects=0)


def blob(h: int = 48, w: int = 64, y: int = 24, x: int = 32) -> torch.Tensor:
    """A bright spot of 5×5 on black around (y, x)."""
    image = torch.zeros(3, h, w, dtype=torch.uint8)
    image[:, y - 2 : y + 3, x - 2 : x + 3] = 200
    return image


def centre(image: torch.Tensor) -> tuple[float, float]:
    weight = image[0].double()
    rows, columns = torch.arange(weight.shape[0]), torch.arange(weight.shape[1])
    return float((weight.sum(1) * rows).sum() / weight.sum()), float((weight.sum(0) * columns).sum() / weight.sum())


def test_without_any_motion_the_frame_before_is_the_picture():
    assert torch.equal(STILL(blob(), np.random.default_rng(0)), blob())


def test_a_shift_moves_everything_by_so_many_sides():
    moves = []
    for seed in range(300):
        y, x = centre(replace(STILL, shift=0.02)(blob(), np.random.default_rng(seed)))
        moves.append(((y - 24) / 48, (x - 32) / 64))
    assert np.allclose(np.std(moves, axis=0), 0.02, rtol=0.15)
    assert np.allclose(np.mean(moves, axis=0), 0, atol=0.005)


def test_a_turn_keeps_distances_in_pixels_whatever_the_aspect():
    for seed in range(20):
        y, x = centre(replace(STILL, turn=15.0)(blob(x=52), np.random.default_rng(seed)))
        # Pixel centres are at halves: the picture turns about (23.5, 31.5).
        assert abs(np.hypot(y - 23.5, x - 31.5) - np.hypot(0.5, 20.5)) < 0.3


def test_a_zoom_moves_along_the_ray_from_the_middle():
    for seed in range(20):
        y, x = centre(replace(STILL, zoom=0.2)(blob(y=34, x=42), np.random.default_rng(seed)))
        assert abs((y - 23.5) - (x - 31.5)) < 0.6


def test_pieces_move_while_the_rest_stays():
    rng = np.random.default_rng(3)
    image = torch.from_numpy(rng.integers(0, 256, (3, 96, 128), dtype=np.uint8))
    moving = replace(STILL, objects=1, stray=0.1)
    shares = [float((moving(image, np.random.default_rng(seed)) != image).any(0).float().mean()) for seed in range(40)]
    assert min(shares) == 0.0  # no piece at all
    assert 0.005 < max(shares) < 0.11  # at most an ellipse of a third of the sides


def test_it_is_a_function_of_the_generator_and_leaves_the_picture_alone():
    image = blob()
    first, second, other = (Motion()(image, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert torch.equal(image, blob())
