"""Cached data sets give what the files give, and stay below their limit."""

from pathlib import Path

import numpy as np
import pytest
from support.camvid_trees import write_tutorial_tree

from streamdeq.data.cache import cached
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError

IMAGE, TARGET = 24 * 32 * 3, 24 * 32


def test_a_cached_frame_survives_its_file_and_its_users(tmp_path: Path) -> None:
    plain = open_dataset(str(write_tutorial_tree(tmp_path)), "val")
    dataset = cached(plain, limit_bytes=10**6)
    assert dataset.classes == plain.classes
    assert [(c.name, c.fps, len(c), c.labelled) for c in dataset.clips] == [
        (c.name, c.fps, len(c), c.labelled) for c in plain.clips
    ]
    clip = dataset.clips[0]
    image, target = clip.image(3), clip.target(3)
    expected = image.copy(), target.copy()
    image[:], target[:] = 0, 0
    for path in (tmp_path / "CamVid").rglob("*.png"):
        path.unlink()
    again = clip.image(3), clip.target(3)
    again[0][:] = 1
    np.testing.assert_array_equal(clip.image(3), expected[0])
    np.testing.assert_array_equal(clip.target(3), expected[1])


def test_what_does_not_fit_is_read_again(tmp_path: Path) -> None:
    plain = open_dataset(str(write_tutorial_tree(tmp_path)), "val")
    clip = cached(plain, limit_bytes=2 * IMAGE + TARGET).clips[0]
    frames = [clip.image(t) for t in range(4)]
    for t in range(4):
        np.testing.assert_array_equal(clip.image(t), frames[t])
    for path in (tmp_path / "CamVid").rglob("*.png"):
        path.unlink()
    assert [clip.image(t).shape for t in (0, 1)] == [(24, 32, 3)] * 2
    with pytest.raises(StreamdeqError):
        clip.image(2)
