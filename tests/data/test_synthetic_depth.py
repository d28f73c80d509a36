"""The rendered street's depth is that of what was drawn, to the pixel."""

import numpy as np
import pytest

from streamdeq.data.open import open_dataset
from streamdeq.data.synthetic.camera import Camera
from streamdeq.data.synthetic.depth import FARTHEST_M, depth_of
from streamdeq.data.synthetic.render import draw
from streamdeq.data.synthetic.scene import BUILDING, CAR, CLASSES, PAVEMENT, ROAD, SKY, TREE
from streamdeq.data.synthetic.shapes import Part, Thing, across, along

SETTINGS = "seed=2,clips=3,frames=20,size=96x128"
#: 100 m along the street, in a straight line; drawn at twice the size of 40×60.
CAMERA = Camera(0.0, 1.5, 100.0, 80.0, 40.0, (80, 120), 0.0, 0.0)


def depths(parts: list[Part], owners: np.ndarray) -> np.ndarray:
    return depth_of(draw([Thing(CAR, 1, 110.0, parts)], CAMERA), owners, 0)


def on_road() -> np.ndarray:
    owners = np.full((40, 60), SKY, np.int32)
    owners[20:] = ROAD
    return owners


def test_the_ground_is_as_far_as_its_row_says() -> None:
    found = depths([], on_road())
    assert np.isnan(found[:20]).all()
    below = np.arange(20, 40) + 0.5 - 20  # pixels below the horizon
    expected = 40.0 * 1.5 / below  # the focal length in these pixels is half of the drawing's
    expected[expected > FARTHEST_M] = np.nan
    np.testing.assert_allclose(found[20:], np.repeat(expected[:, None], 60, axis=1), rtol=1e-6)


def test_what_faces_the_camera_has_one_depth_and_hides_the_ground() -> None:
    found = depths([Part(across(-1.0, 1.0, 0.0, 2.0, 110.0), (0, 0, 0), True)], on_road())
    seen = found == 10
    # 2 m × 2 m at 4 pixels per metre; what a polygon touches is drawn.
    assert (int(seen.sum(axis=0).max()), int(seen.sum(axis=1).max())) == (9, 9)
    assert seen[20, 30]


def test_along_the_street_inverse_depth_is_linear_in_the_column() -> None:
    found = depths([Part(along(3.0, 0.0, 3.0, 105.0, 130.0), (0, 0, 0), True)], on_road())
    columns = np.arange(36, 53)
    expected = 40.0 * 3.0 / (columns + 0.5 - 30)  # a wall 3 m to the right
    np.testing.assert_allclose(found[19, columns], expected, rtol=1e-5)


def test_paint_upon_a_thing_and_shadows_change_no_depth() -> None:
    front, pane = across(-1.0, 1.0, 0.0, 2.0, 110.0), across(-0.5, 0.5, 0.5, 1.5, 110.0)
    plain = depths([Part(front, (0, 0, 0), True)], on_road())
    painted = depths([Part(front, (0, 0, 0), True), Part(pane, (9, 9, 9), False)], on_road())
    np.testing.assert_array_equal(plain, painted)


@pytest.mark.parametrize("number", range(3))
def test_depth_fits_the_other_labels_of_the_same_street(number: int) -> None:
    pixels, depth = (open_dataset(f"synthetic:{SETTINGS},labels={kind}", "val") for kind in ("pixels", "depth"))
    assert (depth.task, depth.classes) == ("depth", ())
    labels, found = pixels.clips[number].target(7), depth.clips[number].target(7)
    assert (found.shape, found.dtype) == (labels.shape, np.float32)
    assert np.isnan(found[labels == SKY]).all()
    named = ~np.isin(labels, (SKY, TREE, BUILDING))
    near = named & (np.arange(96)[:, None] > 60)
    assert not np.isnan(found[near]).any()
    assert 0.5 <= np.nanmin(found) <= np.nanmax(found) <= FARTHEST_M
    ground = np.isin(labels, (ROAD, PAVEMENT))
    rows = [found[row][ground[row]] for row in range(60, 96)]
    assert all(np.ptp(row) < 1e-3 for row in rows if len(row))
    assert len(CLASSES) == 8
