"""Text beside boxes: each where it covers no other's, as far as there is room."""

from collections.abc import Sequence

import numpy as np
from PIL import ImageDraw, ImageFont

RGB = tuple[int, int, int]
DARK, LIGHT = (16, 16, 16), (245, 245, 245)


def text_px(frame_hw: tuple[int, int]) -> int:
    """The size of text that can be read and covers little."""
    return max(10, round(min(frame_hw) / 40))


def put_labels(
    draw: ImageDraw.ImageDraw,
    frame_hw: tuple[int, int],
    boxes_xyxy: np.ndarray,
    texts: Sequence[str],
    colours: Sequence[RGB],
) -> None:
    """The text of each box, the first ones in the best places, on a ground of the box's colour."""
    px = text_px(frame_hw)
    font, pad = ImageFont.load_default(size=px), max(1, px // 6)
    sizes = [(int(font.getlength(text)) + 2 * pad, px + 2 * pad) for text in texts]
    for (left, top, right, bottom), text, colour in zip(
        places(boxes_xyxy, sizes, frame_hw), texts, colours, strict=True
    ):
        draw.rectangle((left, top, right - 1, bottom - 1), fill=colour)
        ink = DARK if sum(np.multiply(colour, (0.299, 0.587, 0.114))) > 140 else LIGHT
        draw.text((left + pad, (top + bottom) / 2), text, font=font, fill=ink, anchor="lm")


def places(
    boxes_xyxy: np.ndarray, sizes: Sequence[tuple[int, int]], frame_hw: tuple[int, int]
) -> list[tuple[int, int, int, int]]:
    """Where labels of these widths and heights go, in the frame: of the places around each box, or else inside it, the
    one that covers least of the labels before it."""
    height, width = frame_hw
    taken = np.zeros((0, 4))
    for (left, top, right, bottom), (w, h) in zip(np.rint(boxes_xyxy).tolist(), sizes, strict=True):
        corners = np.array(
            [
                *[(left, top - h), (right - w, top - h), (left, bottom), (right - w, bottom)],
                *[(right, top), (left - w, top), (right, bottom - h), (left - w, bottom - h)],
                *[(left, top), (right - w, top), (left, bottom - h), (left, top - 2 * h), (left, bottom + h)],
            ]
        )
        corners = np.clip(corners, 0, np.maximum(0, [width - w, height - h]))
        found = np.concatenate([corners, corners + np.array([w, h])], axis=1)
        best = int(covered(found, taken).argmin())  # the first of equal ones
        taken = np.concatenate([taken, found[best : best + 1]])
    return [(int(a), int(b), int(c), int(d)) for a, b, c, d in taken.tolist()]


def covered(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """(N,) the area of each of some (N, 4) that all others (M, 4) cover, counted for each of them."""
    low = np.maximum(some[:, None, :2], others[None, :, :2])
    high = np.minimum(some[:, None, 2:], others[None, :, 2:])
    return np.clip(high - low, 0, None).prod(axis=2).sum(axis=1)
