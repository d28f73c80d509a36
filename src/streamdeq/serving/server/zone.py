"""The zone of interest: instances that stand outside a polygon are left out."""

from collections.abc import Callable
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.serving.server.config import Polygon
from streamdeq.tasks import Task


def zone_filter(task: Task, zone: Polygon) -> Callable[[Any], Any]:
    """From answer to answer.

    Raises:
        StreamdeqError: the task's answers have no instances.
    """
    if not zone:
        return lambda result: result
    if not (task.locates or task.joins):
        raise StreamdeqError(f"zone: {task.spec.task} answers about every pixel or the whole frame; leave it out")
    corners = np.array(zone, float)
    return lambda result: result[inside(standing(result), corners)]


def standing(result: Any) -> np.ndarray:
    """(N, 2): where each instance is: the middle of its box's lower edge, or of the crop it was looked for in."""
    boxes = getattr(result, "boxes_xyxy", None)
    if boxes is not None:
        return np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]], axis=1)
    crops = result.crops_xyxy
    return (crops[:, :2] + crops[:, 2:]) / 2


def inside(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """(N,) bool: which of the points (N, 2) a polygon (M, 2) encloses, by the crossings of a ray to the right."""
    x, y = points[:, :1], points[:, 1:]
    (ax, ay), (bx, by) = corners.T, np.roll(corners, -1, axis=0).T
    spans = (ay > y) != (by > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = ax + (y - ay) * (bx - ax) / (by - ay)
    return (spans & (x < at)).sum(axis=1) % 2 == 1
