"""From a decoder's pictures to upright RGB."""

from collections.abc import Mapping
from typing import cast

import numpy as np
from av.buffer import Buffer
from av.sidedata.sidedata import Type
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter


class UprightRgb:
    """Pictures of one stream as a player shows them: any pixel format and bit depth, colour tags and rotation honoured.

    Untagged video is read as BT.601, limited range, as FFmpeg and OpenCV do. Pixels stay as coded where they
    are not square. It sets itself up anew when the format changes.
    """

    def __init__(self) -> None:
        self._colours, self._smaller = VideoReformatter(), VideoReformatter()

    def __call__(self, frame: VideoFrame) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""
        # One thread: the work per frame is small, and the cores belong to the model.
        image = self._colours.reformat(frame, format="rgb24", threads=1).to_ndarray()
        try:
            matrix = self._display_matrix(frame)
        except ValueError:  # of a kind that PyAV has no name for, it gives nobody any; a mirror is not told then
            return np.ascontiguousarray(np.rot90(image, round(frame.rotation / 90)))
        return np.ascontiguousarray(image if matrix is None else turned(image, matrix))

    def _display_matrix(self, frame: VideoFrame) -> np.ndarray | None:
        # Asked for its side data, a frame refers to itself and waits for the garbage collector, 12 MB each of 4K.
        # So a copy of a few bytes is asked, which has them too.
        few = self._smaller.reformat(frame, 2, 2, "gray", interpolation="POINT", threads=1)
        side_data = cast(Mapping[Type, Buffer], few.side_data)  # the stubs know one key only
        if Type.DISPLAYMATRIX not in side_data:
            return None
        return np.frombuffer(bytes(side_data[Type.DISPLAYMATRIX]), dtype=np.int32).reshape(3, 3)


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
