"""Draws a classification on its frame: the best classes as a caption."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from streamdeq.errors import StreamdeqError
from streamdeq.tasks.classification.result import Classification
from streamdeq.values.look import USUAL, Look

LINES = 3


def caption(image: np.ndarray, result: Classification, look: Look = USUAL) -> np.ndarray:
    """The frame (H, W, 3) uint8 RGB with the best classes and their scores at the lower left, as a new array.

    Raises:
        StreamdeqError: not such a picture.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise StreamdeqError(f"expected a frame, uint8 (H, W, 3), got {image.dtype} {image.shape}; draw on that")
    picture = Image.fromarray(image)
    text_px = max(10, image.shape[0] // 24)
    font = ImageFont.load_default(size=text_px)
    pad = text_px // 3
    score_of = "{:3.0f} %  " if "scores" in look.draw else ""
    lines = [score_of.format(100 * score) + name for name, score in result.top(LINES)]
    line = text_px + pad
    width = int(max(font.getlength(text) for text in lines)) + 2 * pad
    top = image.shape[0] - line * len(lines) - pad
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, top, width, image.shape[0]), fill=(24, 24, 24))
    for i, text in enumerate(lines):
        shade = (235, 235, 235) if i == 0 else (160, 160, 160)
        draw.text((pad, top + pad + i * line + text_px / 2), text, font=font, fill=shade, anchor="lm")
    return np.array(picture)
