"""Draws depth in place of its frame: near is bright, far is dark, on a logarithmic scale with a legend."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from streamdeq.tasks.depth.result import Depth
from streamdeq.tasks.drawing import check_frame

NEAREST_M, FARTHEST_M = 2.0, 100.0
MARKS_M = (2, 5, 10, 20, 50, 100)
#: Near to far: RGB, of even steps of lightness.
_RAMP = ((252, 253, 191), (254, 159, 109), (222, 73, 104), (140, 41, 129), (59, 15, 112), (0, 0, 4))


def depth_map(image: np.ndarray, result: Depth) -> np.ndarray:
    """(H, W, 3) uint8 RGB, as a new array; the legend's numbers are metres.

    Raises:
        StreamdeqError: the picture is not the frame that the depth is of.
    """
    check_frame(image, result.depth_m.shape, "depths")
    picture = colours(result.depth_m)
    legend = _legend(max(10, image.shape[0] // 28))
    h, w = min(legend.shape[0], image.shape[0]), min(legend.shape[1], image.shape[1])
    picture[image.shape[0] - h :, :w] = legend[:h, :w]
    return picture


def colours(depth_m: np.ndarray) -> np.ndarray:
    """(H, W) metres → (H, W, 3) uint8 RGB; what is nearer or farther than the scale has its end's colour."""
    place = np.log(depth_m / NEAREST_M) * (255 / np.log(FARTHEST_M / NEAREST_M))
    return np.take(_table(), place.clip(0, 255).astype(np.uint8), axis=0)


@lru_cache
def _table() -> np.ndarray:
    """(256, 3) uint8."""
    places = np.linspace(0, len(_RAMP) - 1, 256)
    columns = [np.interp(places, range(len(_RAMP)), column) for column in zip(*_RAMP, strict=True)]
    return np.stack(columns, axis=1).round().astype(np.uint8)


@lru_cache(maxsize=8)
def _legend(text_px: int) -> np.ndarray:
    """A column of swatches with metres, (h, w, 3) uint8."""
    font, pad = ImageFont.load_default(size=text_px), text_px // 3
    line, width = text_px + pad, int(font.getlength(f"{MARKS_M[-1]} m")) + text_px + 4 * pad
    picture = Image.new("RGB", (width, line * len(MARKS_M) + pad), (24, 24, 24))
    draw = ImageDraw.Draw(picture)
    for n, (metres, colour) in enumerate(zip(MARKS_M, colours(np.array(MARKS_M, np.float32)), strict=True)):
        top = pad + n * line
        draw.rectangle((pad, top, pad + text_px, top + text_px), fill=tuple(colour.tolist()))
        draw.text((text_px + 2.5 * pad, top + text_px / 2), f"{metres} m", font=font, fill=(235, 235, 235), anchor="lm")
    return np.asarray(picture)
