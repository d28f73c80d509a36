"""How far away every pixel of the street is, exactly: from the planes of what was drawn there.

Depth is measured along the camera's axis, as stereo cameras do. The inverse depth of a plane is affine in the
picture's columns and rows, so a polygon's corners say it for all of its pixels.
"""

import numpy as np
from PIL import Image, ImageDraw

from streamdeq.data.synthetic.render import FINER, Drawing, majority
from streamdeq.data.synthetic.scene import SKY, TREE

#: What is farther away has no label, like the sky and the distant trees that close the street.
FARTHEST_M = 100.0


def depth_of(drawing: Drawing, owners: np.ndarray, shot: int) -> np.ndarray:
    """(H, W) float32 metres; NaN where nothing is labelled.

    Args:
        owners: of every pixel, as `render.own` gives them.
    """
    camera = drawing.camera
    picture = Image.new("I", (camera.size_hw[1], camera.size_hw[0]))
    brush = ImageDraw.Draw(picture)
    for number, (polygon, part) in enumerate(zip(drawing.polygons, drawing.parts, strict=True), start=1):
        if part.solid:  # the others are paint on these, or shadows on the ground
            brush.polygon(polygon, fill=number)
    parts = majority(np.asarray(picture))
    # The middles of the pixels: of the drawing, whose own middles are whole numbers, and of the picture.
    rows, columns = (FINER * (np.arange(side) + 0.5) - 0.5 for side in parts.shape)
    drop = (rows + 0.5 - camera.horizon)[:, None]
    inverse = np.where((owners == SKY) | (owners == TREE), 0.0, drop / (camera.focal * camera.height))
    for number in np.unique(parts[parts > 0]).tolist():
        at = np.nonzero(parts == number)
        inverse[at] = _inverse(drawing, number - 1, columns[at[1]], rows[at[0]])
    with np.errstate(divide="ignore"):
        depth = np.where(inverse > 0, 1 / inverse, np.inf)
    return np.where(depth <= FARTHEST_M, depth, np.nan).astype(np.float32)


def _inverse(drawing: Drawing, part: int, columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """1 / depth of a part's plane at places of the drawing (N,)."""
    corners = 1 / (np.array([z for _, _, z in drawing.parts[part].points]) - drawing.camera.z)
    low, high = corners.min(), corners.max()
    if low == high:
        return np.full(len(rows), low)
    xy = np.reshape(drawing.polygons[part], (-1, 2))
    plane, *_ = np.linalg.lstsq(np.column_stack([np.ones(len(xy)), xy]), corners, rcond=None)
    # A pixel's middle may lie beyond the edge of what covers most of it.
    return np.clip(plane[0] + plane[1] * columns + plane[2] * rows, low, high)
