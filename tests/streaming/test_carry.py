"""A latent moves with what its window shows."""

import numpy as np
import pytest
import torch
from support.small_models import Contraction, engine_of

from streamdeq.latent import Latent
from streamdeq.solvers import Picard
from streamdeq.streaming.carry import MOVED, stay
from streamdeq.values.frame import Frame
from streamdeq.values.geometry import Geometry, Window


def seen(window: Window | None, size: int = 64) -> Geometry:
    return Geometry.fit((200, 300), size, 8, window)


def maps(*sides: int) -> Latent:
    generator = torch.Generator().manual_seed(0)
    return Latent(tuple(torch.randn(1, 3, side, side, generator=generator, dtype=torch.float64) for side in sides))


def test_every_scale_moves_by_the_windows_motion_and_the_border_is_continued():
    # 64 pixels of the frame are 64 of the canvas: 8 right and 16 up are 2 and 4 cells of the first map, 1 and 2 of
    # the second.
    z = maps(16, 8)
    moved = MOVED(z, seen(Window(40, 60, 104, 124)), seen(Window(48, 44, 112, 108)))
    for before, after, (right, up) in zip(z.maps, moved.maps, ((2, 4), (1, 2)), strict=True):
        torch.testing.assert_close(after[..., up:, :-right], before[..., :-up, right:])
        torch.testing.assert_close(after[..., up:, -right], before[..., :-up, -1])
        torch.testing.assert_close(after[..., 0, :-right], before[..., 0, right:])


def test_a_window_twice_as_large_shows_the_map_at_half_its_size():
    """What is linear stays so, whatever lies between two cells."""
    cells = torch.arange(16, dtype=torch.float64) + 0.5
    z = Latent((cells.expand(1, 1, 16, 16).clone(),))
    moved = MOVED(z, seen(Window(32, 32, 96, 96)), seen(Window(0, 0, 128, 128))).maps[0]
    torch.testing.assert_close(moved[0, 0, 5, 4:12], 2 * cells[4:12] - 8)


def test_without_motion_or_window_nothing_is_touched():
    z, window = maps(16, 8), Window(40, 60, 104, 124)
    assert MOVED(z, seen(window), seen(window)) is z
    assert MOVED(z, seen(None), seen(None)) is z
    assert stay(z, seen(window), seen(Window(0, 0, 64, 64))) is z


def test_a_moved_map_lies_in_memory_as_before():
    z = maps(16).map(lambda m: m.to(memory_format=torch.channels_last))
    [moved] = MOVED(z, seen(Window(0, 0, 64, 64)), seen(Window(8, 0, 72, 64))).maps
    assert moved.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("carry", [MOVED, stay], ids=["moved", "stays"])
def test_where_the_old_window_saw_it_a_moved_latent_is_converged_already(carry):
    """z* = 2x: what was solved in one window is solved in the next, a step later still, if it is moved."""
    picture = np.random.default_rng(0).integers(0, 256, (96, 96, 3), np.uint8)
    engine = engine_of(Contraction(), Picard(), 64)
    engine.carry = carry
    row = engine.open()
    engine.observe([row], [Frame(picture, 0, 0.0)], windows=[Window(0, 0, 64, 64)])
    for _ in range(60):
        engine.iterate([row])
    engine.observe([row], [Frame(picture, 1, 0.04)], windows=[Window(16, 8, 80, 72)])
    engine.iterate([row])
    [answer] = engine.read([row])
    fresh = engine_of(Contraction(), Picard(), 64)
    [other] = [fresh.open()]
    fresh.observe([other], [Frame(picture, 1, 0.04)], windows=[Window(16, 8, 80, 72)])
    for _ in range(60):
        fresh.iterate([other])
    [truth] = fresh.read([other])
    for ours, exact, (right, down) in zip(answer.z.maps, truth.z.maps, ((4, 2), (2, 1)), strict=True):
        height, width = ours.shape[2:]
        close = torch.isclose(ours, exact, atol=1e-9)[..., : height - down, : width - right]
        assert close.all() if carry is MOVED else close.double().mean() < 0.1
