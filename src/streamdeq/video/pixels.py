"""From a decoder's picture to upright RGB."""

from collections.abc import Mapping
from typing import cast

import numpy as np
from av.buffer import Buffer
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter


def upright_rgb(frame: VideoFrame, reformatter: VideoReformatter) -> np.ndarray:
    """(H, W, 3) uint8 RGB as a player shows it: any pixel format and bit depth, colour tags and rotation honoured.

    Untagged video is read as BT.601, limited range, as FFmpeg and OpenCV do. Pixels stay as coded where they
    are not square. One reformatter serves a whole stream; it sets itself up anew when the format changes.
    """
    # One thread: the work per frame is small, and the cores belong to the model.
    image = reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
    try:
        side_data = cast(Mapping[Type, Buffer], frame.side_data)  # the stubs know one key only
    except ValueError:  # of a kind that PyAV has no name for, it gives nobody any; a mirror is not told then
        return np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90)))
    if Type.DISPLAYMATRIX in side_data:
        matrix = bytes(side_data[Type.DISPLAYMATRIX])
        image = turned(image, np.frombuffer(matrix, dtype=np.int32).reshape(3, 3))
    return np.ascontiguousarray(image)


def turned(image: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Apply the nearest of the eight right-angled orientations to `image` (H, W, 3).

    `matrix` (3, 3) is a display matrix in row-vector form: a pixel at (x, y) is shown at
    (a·x + c·y, b·x + d·y) with a, b in its first row and c, d in its second (FFmpeg, libavutil/display.h).
    """
    (a, b), (c, d) = matrix[:2, :2].tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        flip_rows, flip_columns = d < 0, a < 0
    else:
        image = image.transpose(1, 0, 2)
        flip_rows, flip_columns = b < 0, c < 0
    return image[:: -1 if flip_rows else 1, :: -1 if flip_columns else 1]
