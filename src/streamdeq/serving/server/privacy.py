"""What nobody is to see: parts of the picture painted black, instances of some classes made unrecognisable."""

from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown
from streamdeq.serving.server.config import Polygon
from streamdeq.tasks import Task
from streamdeq.values.geometry import HW

#: Cells along the longer side that are left of something blurred.
CELLS = 8
#: Detections with at least this score are blurred, shown or not: what is unsure may be somebody.
SURE = 0.2


class Painter:
    """Paints polygons black."""

    def __init__(self, polygons: tuple[Polygon, ...]) -> None:
        self._polygons = polygons
        self._mask, self._hw = np.zeros((0, 0), bool), (0, 0)

    def __call__(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8; a copy where there is something to paint."""
        if not self._polygons:
            return image
        if self._hw != image.shape[:2]:
            self._hw = (image.shape[0], image.shape[1])
            self._mask = filled(self._polygons, self._hw)
        painted = image.copy()
        painted[self._mask] = 0
        return painted


def filled(polygons: tuple[Polygon, ...], hw: HW) -> np.ndarray:
    """(H, W) bool: the pixels that are in one of them, their borders too."""
    canvas = Image.new("L", (hw[1], hw[0]))
    for polygon in polygons:
        ImageDraw.Draw(canvas).polygon([tuple(corner) for corner in polygon], fill=1, outline=1)
    return np.array(canvas, bool)


def check_blur(task: Task, classes: tuple[str, ...]) -> None:
    """Raise StreamdeqError unless the task finds where these classes are."""
    if classes and not (task.locates or task.label_maps):
        raise StreamdeqError(f"blur: {task.spec.task} does not say where a class is; use privacy polygons")
    for name in classes:
        if name not in task.spec.classes:
            raise StreamdeqError(f"blur: {unknown('class', name, list(task.spec.classes))}")


def blurred(image: np.ndarray, result: Any, classes: tuple[str, ...]) -> np.ndarray:
    """(H, W, 3) uint8, with what the answer finds of some classes averaged over a few cells; the same array if nothing.

    Args:
        result: detections, all that there are, or a label map.
    """
    labels = getattr(result, "labels", None)
    if labels is not None and labels.ndim == 2:
        mask = np.isin(labels, [result.classes.index(name) for name in classes])
        if not mask.any():
            return image
        return np.where(mask[..., None], coarse(image, 3 * CELLS), image)
    found = result.of(*classes).above(SURE)
    changed = image.copy() if len(found) else image
    h, w = image.shape[:2]
    for left, top, right, bottom in found.boxes_xyxy.tolist():
        x, y = max(0, int(left)), max(0, int(top))
        part = changed[y : min(h, int(bottom) + 1), x : min(w, int(right) + 1)]
        if part.size:
            part[:] = coarse(part, CELLS)
    return changed


def coarse(part: np.ndarray, cells: int) -> np.ndarray:
    """The picture (h, w, 3) with so many cells along its longer side, each its mean."""
    h, w = part.shape[:2]
    scale = cells / max(h, w)
    small = max(1, round(w * scale)), max(1, round(h * scale))
    mean = Image.fromarray(np.ascontiguousarray(part)).resize(small, Image.Resampling.BOX)
    return np.asarray(mean.resize((w, h), Image.Resampling.NEAREST))
