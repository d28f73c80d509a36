"""Draws a segmentation on its frame: colours blended over the picture, a legend of the classes that occur."""

import numpy as np

from streamdeq.tasks.drawing import check_frame, put_legend
from streamdeq.tasks.segmentation.result import Segmentation

#: How much of the class colour shows; the rest is the picture.
STRENGTH = 0.55
#: Classes that cover less than this are left out of the legend, which would flicker otherwise.
LEGEND_SHARE = 0.002


def overlay(image: np.ndarray, result: Segmentation) -> np.ndarray:
    """The frame (H, W, 3) uint8 RGB with its labels blended over it and a legend, as a new array.

    Raises:
        StreamdeqError: the picture is not the frame the labels are of.
    """
    check_frame(image, result.labels.shape, "labels")
    colours = np.zeros((256, 3), np.uint16)
    colours[: len(result.palette)] = result.palette
    weight = round(STRENGTH * 256)
    # 16-bit integers: a table look-up, a multiply and a shift; several times as fast as floats.
    blend = (image.astype(np.uint16) * (256 - weight) + np.take(colours * weight, result.labels, axis=0)) >> 8
    blend = blend.astype(np.uint8)
    counts = np.bincount(result.labels.ravel(), minlength=len(result.classes))
    shown = tuple(int(k) for k in np.flatnonzero(counts >= LEGEND_SHARE * result.labels.size))
    if shown:
        put_legend(blend, tuple((result.classes[k], result.palette[k]) for k in shown))
    return blend
