"""Pictures and label maps read from image files, with errors a user can act on. Knows no data set."""

from pathlib import Path

import numpy as np
from PIL import Image

from streamdeq.errors import StreamdeqError


def read_rgb(path: Path) -> np.ndarray:
    """The picture in `path` as (H, W, 3) uint8 RGB."""
    try:
        with Image.open(path) as picture:
            return np.array(picture.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise StreamdeqError(f"expected a picture in {path}, got: {first_line(error)}; replace it") from error


def read_index_map(path: Path) -> np.ndarray:
    """The label picture in `path` as (H, W) uint8: one class index per pixel, as stored."""
    try:
        with Image.open(path) as picture:
            mode, values = picture.mode, np.array(picture)
    except (OSError, ValueError, SyntaxError) as error:
        raise StreamdeqError(f"expected a picture in {path}, got: {first_line(error)}; replace it") from error
    if mode not in ("L", "P"):
        raise StreamdeqError(
            f"expected an 8-bit grey or palette picture of class indices in {path}, got {mode}; convert it"
        )
    return values


def first_line(error: Exception) -> str:
    """What an error says, without a file's name where the system said it: that stands in ours."""
    return getattr(error, "strerror", None) or (str(error).splitlines() or [""])[0] or type(error).__name__
