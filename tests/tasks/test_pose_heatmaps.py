"""Heat maps know where they were put, between pixels too, and what stands where they say nothing."""

import pytest
import torch

from streamdeq.tasks.pose.heatmaps import dark, gaussians, peaks, quarter, to_canvas, to_maps


def test_a_map_is_one_on_its_point_and_falls_as_a_gaussian():
    [[maps]] = gaussians(torch.tensor([[[3.0, 5.0]]]), (8, 12), sigma=2.0)
    assert maps.shape == (8, 12)
    assert maps[5, 3] == 1
    assert maps[5, 5].item() == pytest.approx(torch.exp(torch.tensor(-0.5)).item())  # one sigma away
    assert maps[7, 5].item() == pytest.approx(torch.exp(torch.tensor(-1.0)).item())


def test_canvas_and_map_have_the_same_corners_so_that_a_mirrored_picture_has_the_mirrored_map():
    x = torch.tensor([0.0, 1.5, 63.0])
    assert to_maps(x).tolist() == [-0.375, 0.0, 15.375]
    assert torch.allclose(to_canvas(to_maps(x)), x)
    assert torch.allclose(to_maps(63 - x), 15 - to_maps(x))


@pytest.mark.parametrize("place", [(6.3, 4.8), (8.0, 7.49), (10.45, 9.6)])
def test_dark_finds_a_gaussian_between_the_pixels(place):
    points = torch.tensor([[place]])
    found = dark(gaussians(points, (16, 16), 2.0), 2.0)
    assert torch.allclose(found, points, atol=0.01)
    assert (quarter(gaussians(points, (16, 16), 2.0)) - points).abs().max() <= 0.25 + 1e-5


def test_a_quarter_of_a_pixel_goes_towards_the_higher_neighbour():
    maps = torch.zeros(1, 1, 5, 5)
    maps[0, 0, 2, 2], maps[0, 0, 2, 3], maps[0, 0, 1, 2] = 1.0, 0.5, 0.25
    assert quarter(maps).tolist() == [[[2.25, 1.75]]]


def test_a_peak_on_the_border_stays_on_it():
    maps = torch.zeros(1, 1, 6, 6)
    maps[0, 0, 0, 5] = 1.0
    assert quarter(maps).tolist() == [[[5.0, 0.0]]]
    assert dark(maps, 2.0).tolist() == [[[5.0, 0.0]]]


@pytest.mark.parametrize("maps", [torch.zeros(1, 2, 6, 6), -torch.rand(1, 2, 6, 6, generator=torch.manual_seed(0))])
def test_a_map_without_a_hill_gives_a_finite_point_inside(maps):
    for points in (dark(maps, 2.0), quarter(maps), peaks(maps)[0]):
        assert torch.isfinite(points).all()
        assert points.min() >= -1
        assert points.max() <= 6


def test_maps_far_from_a_gaussian_move_a_peak_by_a_pixel_at_the_most():
    maps = torch.rand(3, 4, 9, 9, generator=torch.manual_seed(0)) - 0.3
    assert (dark(maps, 1.0) - peaks(maps)[0]).abs().max() <= 1
