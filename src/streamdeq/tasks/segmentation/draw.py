"""Draws a segmentation on its frame: colours blended over the picture, a legend of the classes that occur."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from streamdeq.models.spec import RGB
from streamdeq.tasks.drawing import check_frame
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
        entries = tuple((result.classes[k], result.palette[k]) for k in shown)
        _paste(blend, _legend(entries, max(10, image.shape[0] // 28)))
    return blend


@lru_cache(maxsize=64)
def _legend(entries: tuple[tuple[str, RGB], ...], text_px: int) -> np.ndarray:
    """A column of swatches with names, (h, w, 3) uint8. Cached: the same classes occur in frame after frame."""
    font = ImageFont.load_default(size=text_px)
    pad = text_px // 3
    line = text_px + pad
    width = int(max(font.getlength(name) for name, _ in entries)) + text_px + 4 * pad
    picture = Image.new("RGB", (width, line * len(entries) + pad), (24, 24, 24))
    draw = ImageDraw.Draw(picture)
    for i, (name, colour) in enumerate(entries):
        top = pad + i * line
        draw.rectangle((pad, top, pad + text_px, top + text_px), fill=colour)
        draw.text((text_px + 2.5 * pad, top + text_px / 2), name, font=font, fill=(235, 235, 235), anchor="lm")
    return np.asarray(picture)


def _paste(image: np.ndarray, patch: np.ndarray) -> None:
    """Put `patch` into the lower left corner, clipped to the picture."""
    h, w = min(patch.shape[0], image.shape[0]), min(patch.shape[1], image.shape[1])
    image[image.shape[0] - h :, :w] = patch[:h, :w]
