"""Flicker: which pixels stand still, and which of them change their label."""

from types import SimpleNamespace

import numpy as np
import pytest

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.flicker import flicker, still_masks


def grey(value: int, hw: tuple[int, int] = (20, 30)) -> np.ndarray:
    return np.full((*hw, 3), value, np.uint8)


def labels(*rows: list[int]) -> SimpleNamespace:
    return SimpleNamespace(labels=np.array(rows, np.uint8))


def test_a_picture_that_does_not_change_stands_still_everywhere_and_one_that_brightens_nowhere():
    first, second = still_masks([grey(100), grey(100), grey(110)])
    assert first.all()
    assert not second.any()


def test_noise_stands_still_and_a_moving_edge_does_not():
    rng = np.random.default_rng(0)
    noisy = [np.clip(100 + 5 * rng.standard_normal((60, 80, 3)), 0, 255).astype(np.uint8) for _ in range(2)]
    assert still_masks(noisy)[0].mean() > 0.95
    edge = [grey(50) for _ in range(2)]
    edge[0][:, 15:], edge[1][:, 18:] = 200, 200
    mask = still_masks(edge)[0]
    assert not mask[:, 13:20].any()
    assert mask[:, :12].all()
    assert mask[:, 21:].all()


def test_one_colour_alone_that_changes_is_motion():
    other = grey(100)
    other[..., 2] = 120
    assert not still_masks([grey(100), other])[0].any()


def test_flips_count_where_the_picture_stands_still():
    still = np.array([[True, True, False, True]])
    share = flicker([still, still], [labels([0, 1, 2, 3]), labels([0, 2, 5, 3]), labels([1, 1, 1, 1])])
    # Of 3 pixels in each pair one flips in the first pair, three in the second.
    assert share == pytest.approx(100 * 4 / 6)


def test_where_nothing_stands_still_there_is_no_share():
    moving = np.zeros((1, 2), bool)
    assert flicker([moving], [labels([0, 1]), labels([1, 1])]) is None


def test_answers_without_labels_are_refused():
    with pytest.raises(StreamdeqError, match="flicker is of label maps; a SimpleNamespace has none"):
        flicker([], [SimpleNamespace(boxes=())])
