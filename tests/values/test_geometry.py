"""Frames find their place on the canvas and answers their way back."""

import numpy as np
import pytest

from streamdeq.errors import StreamdeqError
from streamdeq.values.geometry import Geometry, Window


def test_the_shorter_side_is_the_working_size_and_the_canvas_a_multiple_of_the_stride():
    geometry = Geometry.fit((272, 640), 192, 32)
    assert geometry.content_hw == (192, 452)
    assert geometry.canvas_hw == (192, 480)
    portrait = Geometry.fit((1920, 1080), 192, 32)
    assert portrait.content_hw == (341, 192)
    assert portrait.canvas_hw == (352, 192)


def test_the_longer_side_can_be_limited():
    """The published detector's: 600 short, at most 1000 long."""
    wide = Geometry.fit((720, 1280), 600, 32, longest=1000)
    assert (wide.content_hw, wide.canvas_hw) == ((562, 1000), (576, 1024))
    assert wide.scale_xy == (1000 / 1280, 562 / 720)
    assert Geometry.fit((1280, 720), 600, 32, longest=1000).content_hw == (1000, 562)
    assert Geometry.fit((480, 640), 600, 32, longest=1000).content_hw == (600, 800)


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


def test_points_of_a_window_come_back_to_the_frame():
    window = Window.around(np.array([100, 50, 180, 90]), padding=1.25)
    assert window == Window(90, 20, 190, 120)
    geometry = Geometry.fit((200, 300), 64, 32, window)
    assert (geometry.seen_hw, geometry.content_hw, geometry.canvas_hw) == ((100, 100), (64, 64), (64, 64))
    # The outer edge of the first pixel is the window's corner.
    assert geometry.to_frame(np.array([-0.5, -0.5])) == pytest.approx([89.5, 19.5])
    points = np.random.default_rng(0).uniform(0, 64, (5, 2))
    assert geometry.to_canvas(geometry.to_frame(points)) == pytest.approx(points)
    whole = Geometry.fit((200, 300), 64, 32)
    assert whole.to_canvas(whole.to_frame(points)) == pytest.approx(points)


def test_what_a_window_shows_beyond_the_frame_is_black():
    image = np.arange(1, 4 * 5 * 3 + 1, dtype=np.uint8).reshape(4, 5, 3)
    assert np.array_equal(Window(1, 1, 4, 3).cut(image), image[1:3, 1:4])
    shown = Window(-2, -1, 3, 6).cut(image)
    assert shown.shape == (7, 5, 3)
    assert np.array_equal(shown[1:5, 2:], image[:, :3])
    assert not shown[0].any()
    assert not shown[5:].any()
    assert not shown[:, :2].any()
    assert not Window(9, 9, 12, 12).cut(image).any()
    with pytest.raises(ValueError, match="must have an area"):
        Window(3, 3, 3, 9)


def test_a_latent_is_carried_from_window_to_window_but_not_to_the_whole_frame():
    here, there = (Geometry.fit((200, 300), 64, 32, Window(x, 0, x + 50 + x, 50 + x)) for x in (0, 7))
    whole = Geometry.fit((64, 64), 64, 32)
    assert there.carries(here)
    assert not there.carries(whole)
    assert not whole.carries(here)
    assert not Geometry.fit((32, 32), 64, 32).carries(whole)
