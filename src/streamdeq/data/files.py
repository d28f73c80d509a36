"""Pictures and label maps read from image files, with errors a user can act on. Knows no data set."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from streamdeq.errors import StreamdeqError
from streamdeq.video import images


def read_rgb(path: Path) -> np.ndarray:
    """The picture in `path` as (H, W, 3) uint8 RGB: the same as when it is run on, upright by its EXIF tag."""
    try:
        return images.read_rgb(path)
    except images.BAD_PICTURE as error:
        raise _bad(path, error) from error


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) of what `read_rgb` makes of `path`, without reading its pixels."""
    try:
        return images.upright_size_hw(path)
    except images.BAD_PICTURE as error:
        raise _bad(path, error) from error


def read_index_map(path: Path) -> np.ndarray:
    """The label picture in `path` as (H, W) uint8: one class index per pixel, as stored.

    Turned only by an EXIF tag of its own: one that was painted over an upright picture has none, and is upright.
    """
    try:
        with Image.open(path) as picture:
            mode, values = picture.mode, np.array(ImageOps.exif_transpose(picture))
    except images.BAD_PICTURE as error:
        raise _bad(path, error) from error
    if mode not in ("L", "P"):
        raise StreamdeqError(
            f"expected an 8-bit grey or palette picture of class indices in {path}, got {mode}; convert it"
        )
    return values


def _bad(path: Path, error: Exception) -> StreamdeqError:
    return StreamdeqError(f"expected a picture in {path}, got: {first_line(error)}; replace it")


def first_line(error: Exception) -> str:
    """What an error says, without a file's name where the system said it: that stands in ours."""
    return getattr(error, "strerror", None) or (str(error).splitlines() or [""])[0] or type(error).__name__
