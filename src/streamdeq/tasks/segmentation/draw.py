"""Draws a segmentation on its frame: colours blended over the picture, and a legend."""

import numpy as np

from streamdeq.tasks.drawing import check_frame, painted, put_legend
from streamdeq.tasks.segmentation.result import Segmentation
from streamdeq.values.look import USUAL, Look

#: Classes that are what is left over: not painted.
NOTHING = ("background", "_background_", "__background__")
#: Rows of a picture that are blended at once.
ROWS = 64


def overlay(image: np.ndarray, result: Segmentation, look: Look = USUAL) -> np.ndarray:
    """The frame (H, W, 3) uint8 RGB with its labels blended over it and a legend, as a new array.

    Raises:
        StreamdeqError: the picture is not the frame the labels are of.
    """
    check_frame(image, result.labels.shape, "labels")
    weight, left_over = (
        round(look.opacity * 256),
        [k for k, name in enumerate(result.classes) if name.lower() in NOTHING],
    )
    colours = -(np.array(result.palette) * -weight >> 8)  # rounded up, as the rest is rounded down
    blend = np.empty(image.shape, np.uint8)
    for first in range(0, len(image), ROWS):  # so few that what is between stays in a processor's cache
        rows = slice(first, first + ROWS)
        dimmed = np.multiply(image[rows], np.uint16(256 - weight), dtype=np.uint16)
        dimmed >>= 8
        np.add(dimmed, painted(result.labels[rows], colours), out=blend[rows], casting="unsafe")
        for k in left_over:
            np.copyto(blend[rows], image[rows], where=(result.labels[rows] == k)[..., None])
    if "legend" in look.draw:
        entries = [k for k in range(len(result.classes)) if k not in left_over]
        occur = set(np.flatnonzero(result.counts).tolist())
        put_legend(blend, [(result.classes[k], result.palette[k]) for k in entries], [k in occur for k in entries])
    return blend
