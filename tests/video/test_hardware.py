"""Decoding by a video unit, where there is one; everywhere else as without."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from av.codec.hwaccel import hwdevices_available
from support.making_videos import write_video

from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Frame
from streamdeq.video import hardware, open_source


def pictures(path: Path) -> list[np.ndarray]:
    with open_source(path) as source:
        return [item.image for item in source if isinstance(item, Frame)]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a unit")
@pytest.mark.skipif("cuda" not in hwdevices_available(), reason="this FFmpeg knows no such unit")
def test_without_such_a_unit_the_processor_decodes_and_that_is_told_once(tmp_path, monkeypatch, caplog):
    film = write_video(tmp_path / "a.mp4")
    expected = pictures(film)
    monkeypatch.setenv(hardware.VARIABLE, "cuda")
    hardware._there.cache_clear()
    with caplog.at_level(logging.WARNING, "streamdeq"):
        for _ in range(2):
            for found, own in zip(pictures(film), expected, strict=True):
                np.testing.assert_array_equal(found, own)
    [told] = [record.message for record in caplog.records]
    assert told.startswith("STREAMDEQ_DECODER=cuda: no such unit can be used here")


def test_an_unknown_unit_is_refused(tmp_path, monkeypatch):
    film = write_video(tmp_path / "a.mp4")
    monkeypatch.setenv(hardware.VARIABLE, "cuba")
    with pytest.raises(StreamdeqError, match=r"unknown STREAMDEQ_DECODER 'cuba'"):
        pictures(film)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_nvidias_unit_decodes_the_same_pictures(tmp_path, monkeypatch):
    film = write_video(tmp_path / "a.mp4", size_hw=(240, 320))
    expected = pictures(film)
    monkeypatch.setenv(hardware.VARIABLE, "cuda")
    found = pictures(film)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert np.abs(a.astype(int) - b).mean() < 2
