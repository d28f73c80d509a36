"""What drawing answers takes: the right frame, a legend, and supervision, which is an extra."""

from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from streamdeq.errors import StreamdeqError
from streamdeq.models.spec import RGB

#: Eight times the same byte.
_EIGHTFOLD = np.arange(256, dtype=np.uint64) * np.uint64(0x0101_0101_0101_0101)


def supervision(what: str, extra: str) -> Any:
    """The module.

    Args:
        what: is drawn with it; extra: to be installed for that; both for the error.

    Raises:
        StreamdeqError: it is not installed.
    """
    try:
        import supervision as module
    except ImportError as error:
        raise StreamdeqError(
            f"{what} are drawn with supervision, which is not installed: pip install 'streamdeq[{extra}]'"
        ) from error
    return module


def check_frame(image: np.ndarray, frame_hw: tuple[int, ...], what: str) -> None:
    """Raises StreamdeqError if the picture is not the frame, (H, W, 3) uint8, that `what` are of."""
    if image.shape != (*frame_hw, 3) or image.dtype != np.uint8:
        h, w = frame_hw
        raise StreamdeqError(
            f"expected the frame the {what} are of, uint8 ({h}, {w}, 3), got {image.dtype} {image.shape}; draw on that"
        )


def painted(labels: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """(H, W) uint8 → (H, W, 3) uint8 by a table of RGB colours (K, 3).

    Eight pixels at a time where they have one label, as most neighbours have: several times as fast as one by one.
    """
    table = np.zeros((256, 3), np.uint8)
    table[: len(colours)] = colours
    flat = np.pad(labels.reshape(-1), (0, -labels.size % 8)) if labels.size % 8 else labels.reshape(-1)
    eights = flat.reshape(-1, 8)
    first = eights[:, 0]
    picture = np.take(np.tile(table, (1, 8)).view(np.uint64), first, axis=0).view(np.uint8).reshape(-1, 8, 3)
    mixed = np.flatnonzero(eights.view(np.uint64)[:, 0] != np.take(_EIGHTFOLD, first))
    picture[mixed] = table[eights[mixed]]
    return picture.reshape(-1, 3)[: labels.size].reshape(*labels.shape, 3)


def captioned(image: np.ndarray, text: str) -> np.ndarray:
    """A copy with a line of text at the top left, on a dark ground."""
    picture = Image.fromarray(image)
    font = ImageFont.load_default(size=max(10, image.shape[0] // 18))
    draw = ImageDraw.Draw(picture)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    pad = (bottom - top) // 2
    draw.rectangle((0, 0, right - left + 2 * pad, bottom - top + 2 * pad), fill=(24, 24, 24))
    draw.text((pad - left, pad - top), text, font=font, fill=(235, 235, 235))
    return np.asarray(picture)


def put_legend(image: np.ndarray, entries: tuple[tuple[str, RGB], ...]) -> None:
    """A column of swatches with names in the lower left corner of (H, W, 3) uint8, in place, clipped to the picture."""
    patch = _legend(entries, max(10, image.shape[0] // 28))
    h, w = min(patch.shape[0], image.shape[0]), min(patch.shape[1], image.shape[1])
    image[image.shape[0] - h :, :w] = patch[:h, :w]


@lru_cache(maxsize=64)
def _legend(entries: tuple[tuple[str, RGB], ...], text_px: int) -> np.ndarray:
    """(h, w, 3) uint8. Cached: the same entries occur in frame after frame."""
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
