"""Draws poses on their frame, in supervision's colours."""

import numpy as np

from streamdeq.tasks.drawing import check_frame, supervision
from streamdeq.tasks.pose.result import Poses
from streamdeq.values.look import USUAL, Look

#: Points below this score are not drawn.
SHOWN = 0.2


def skeletons(image: np.ndarray, result: Poses, look: Look = USUAL, least: float = SHOWN) -> np.ndarray:
    """The frame (H, W, 3) uint8 RGB with the points of every instance and the lines between them, as a new array.

    Every instance has a colour of its own, by its id.

    Raises:
        StreamdeqError: the picture is not the frame the poses are of; supervision is not installed.
    """
    check_frame(image, result.frame_hw, "poses")
    palette, scene = supervision("skeletons", "pose").ColorPalette.DEFAULT, image.copy()
    import cv2  # supervision's annotators draw with it, too, at ten times the cost of what they check at every point

    thickness = max(1, min(result.frame_hw) // 240)
    for n in range(len(result)):
        own = palette.by_idx((n if result.ids is None else int(result.ids[n])) % len(palette.colors))
        colour = (own.r, own.g, own.b)
        shown = (result.scores[n] >= least) & np.isfinite(result.keypoints_xy[n]).all(axis=1)
        points = np.where(shown[:, None], result.keypoints_xy[n], 0).astype(int).tolist()
        for a, b in result.skeleton:
            if shown[a] and shown[b]:
                cv2.line(scene, points[a], points[b], colour, thickness, cv2.LINE_AA)
        for k in np.flatnonzero(shown):
            cv2.circle(scene, points[k], thickness + 1, colour, -1, cv2.LINE_AA)
    return scene
