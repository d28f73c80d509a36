"""Frames find their place on the canvas and answers their way back."""

import pytest

from streamdeq.errors import StreamdeqError
from streamdeq.streaming.geometry import Geometry


def test_the_shorter_side_is_the_working_size_and_the_canvas_a_multiple_of_the_stride():
    geometry = Geometry.fit((272, 640), 192, 32)
    assert geometry.content_hw == (192, 452)
    assert geometry.canvas_hw == (192, 480)
    portrait = Geometry.fit((1920, 1080), 192, 32)
    assert portrait.content_hw == (341, 192)
    assert portrait.canvas_hw == (352, 192)


def test_native_keeps_the_frames_own_size():
    geometry = Geometry.fit((101, 65), None, 32)
    assert geometry.content_hw == (101, 65)
    assert geometry.canvas_hw == (128, 96)
    assert geometry.scale_xy == (1.0, 1.0)


def test_a_whole_canvas_at_the_frames_scale_is_the_frame_where_nothing_was_padded():
    assert Geometry.fit((360, 480), 192, 32).uncropped_hw == (360, 480)


@pytest.mark.parametrize("frame_hw", [(272, 640), (1080, 1920), (333, 517), (65, 101)])
def test_the_far_edge_comes_back_within_half_a_pixel(frame_hw):
    geometry = Geometry.fit(frame_hw, 192, 32)
    for frame, content, canvas, whole in zip(
        frame_hw, geometry.content_hw, geometry.canvas_hw, geometry.uncropped_hw, strict=True
    ):
        # Corners aligned: canvas pixel p lies at p·(whole − 1)/(canvas − 1) in the frame.
        far = (content - 1) * (whole - 1) / (canvas - 1)
        assert far == pytest.approx(frame - 1, abs=0.5)


@pytest.mark.parametrize("frame_hw", [(0, 10), (1, 100)])
def test_frames_without_area_or_far_too_thin_are_refused(frame_hw):
    with pytest.raises(StreamdeqError, match="cannot be processed"):
        Geometry.fit(frame_hw, 192, 32)
