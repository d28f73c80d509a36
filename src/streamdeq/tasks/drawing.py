"""What drawing answers takes: the right frame, a legend, and supervision, which is an extra."""

from collections.abc import Sequence
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


def put_legend(image: np.ndarray, entries: Sequence[tuple[str, RGB]], occur: Sequence[bool] | None = None) -> None:
    """Swatches with names in rows along the lower edge of (H, W, 3) uint8, in place; the picture shows through.

    All entries have their places in every frame: nothing jumps. Where that would take more than a third of the picture
    it is those that occur, as many as fit.
    """
    height, width = image.shape[:2]
    text_px = max(10, height // 30)
    patch = _legend(tuple(entries), text_px, width)
    if 3 * len(patch) > height and occur is not None:
        some = tuple(entry for entry, there in zip(entries, occur, strict=True) if there)
        patch = _legend(some, text_px, width)
    patch = patch[: height // 3]
    if not patch.size:
        return
    below = image[height - len(patch) :]
    colours, alpha = patch[..., :3].astype(np.uint16), patch[..., 3:].astype(np.uint16)
    below[:] = (colours * alpha + below * (255 - alpha)) // 255


@lru_cache(maxsize=64)
def _legend(entries: tuple[tuple[str, RGB], ...], text_px: int, width: int) -> np.ndarray:
    """(h, width, 4) uint8 with opacity; none without entries. Cached: they are the same in frame after frame."""
    font = ImageFont.load_default(size=text_px)
    pad, swatch = max(2, text_px // 3), text_px
    places, x, row = [], pad, 0
    for name, colour in entries:
        wide = swatch + pad + int(font.getlength(name))
        if x > pad and x + wide + pad > width:
            x, row = pad, row + 1
        places.append((x, row, name, colour))
        x += wide + 2 * pad
    line = text_px + pad
    picture = Image.new("RGBA", (width, (line * (row + 1) + pad) * bool(entries)), (16, 16, 16, 150))
    draw = ImageDraw.Draw(picture)
    for x, row, name, colour in places:
        top = pad + row * line
        draw.rectangle((x, top, x + swatch - 1, top + text_px - 1), fill=(*colour, 255))
        draw.text((x + swatch + pad, top + text_px / 2), name, font=font, fill=(240, 240, 240, 255), anchor="lm")
    return np.asarray(picture)
