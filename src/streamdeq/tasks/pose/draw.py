"""Draws poses on their frame with supervision's annotators."""

from typing import Any

import numpy as np

from streamdeq.tasks.drawing import check_frame, supervision
from streamdeq.tasks.pose.result import Poses

#: Points below this score are not drawn.
SHOWN = 0.2


def skeletons(image: np.ndarray, result: Poses, least: float = SHOWN) -> np.ndarray:
    """The frame (H, W, 3) uint8 RGB with the points of every instance and the lines between them, as a new array.

    Every instance has a colour of its own, by its id.

    Raises:
        StreamdeqError: the picture is not the frame the poses are of; supervision is not installed.
    """
    check_frame(image, result.frame_hw, "poses")
    sv, scene = supervision("skeletons", "pose"), image.copy()
    thickness = max(1, min(result.frame_hw) // 240)
    edges = [(a + 1, b + 1) for a, b in result.skeleton]  # counted from 1 there
    for n in range(len(result)):
        points = result[n].to_supervision()
        points.visible = result.scores[n : n + 1] >= least
        colour = _colour(sv, n if result.ids is None else int(result.ids[n]))
        if edges:
            scene = sv.EdgeAnnotator(color=colour, thickness=thickness, edges=edges).annotate(scene, points)
        scene = sv.VertexAnnotator(color=colour, radius=thickness + 1).annotate(scene, points)
    return np.ascontiguousarray(scene)


def _colour(sv: Any, number: int) -> Any:
    """A colour per instance; the annotators paint for BGR pictures, the frame here is RGB."""
    own = sv.ColorPalette.DEFAULT.by_idx(number % len(sv.ColorPalette.DEFAULT.colors))
    return sv.Color(r=own.b, g=own.g, b=own.r)
