"""Draws a segmentation on its frame: colours blended over the picture, a legend of the classes that occur."""

import numpy as np

from streamdeq.tasks.drawing import check_frame, painted, put_legend
from streamdeq.tasks.segmentation.result import Segmentation

#: How much of the class colour shows; the rest is the picture.
STRENGTH = 0.55
#: Classes that cover less than this are left out of the legend, which would flicker otherwise.
LEGEND_SHARE = 0.002
#: Rows of a picture that are blended at once.
ROWS = 64


def overlay(image: np.ndarray, result: Segmentation) -> np.ndarray:
    """The frame (H, W, 3) uint8 RGB with its labels blended over it and a legend, as a new array.

    Raises:
        StreamdeqError: the picture is not the frame the labels are of.
    """
    check_frame(image, result.labels.shape, "labels")
    weight = round(STRENGTH * 256)
    colours = -(np.array(result.palette) * -weight >> 8)  # rounded up, as the rest is rounded down
    blend = np.empty(image.shape, np.uint8)
    for first in range(0, len(image), ROWS):  # so few that what is between stays in a processor's cache
        rows = slice(first, first + ROWS)
        dimmed = np.multiply(image[rows], np.uint16(256 - weight), dtype=np.uint16)
        dimmed >>= 8
        np.add(dimmed, painted(result.labels[rows], colours), out=blend[rows], casting="unsafe")
    shown = np.flatnonzero(result.counts >= LEGEND_SHARE * result.labels.size).tolist()
    if shown:
        put_legend(blend, tuple((result.classes[k], result.palette[k]) for k in shown))
    return blend
