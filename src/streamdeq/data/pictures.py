"""Picture files and label maps: which files are pictures, and what is in them, with errors a user can act on."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from streamdeq.errors import StreamdeqError
from streamdeq.reading import other_than_file
from streamdeq.video import images

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})


def pictures(paths: Iterable[Path]) -> list[Path]:
    """Those of `paths` that are named as pictures, by name."""
    return sorted(p for p in paths if p.suffix.lower() in PICTURES and not p.name.startswith("."))


def subfolders(folder: Path) -> list[Path]:
    """The folders directly in `folder`, by name; hidden ones are nobody's data."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def read_rgb(path: Path) -> np.ndarray:
    """The picture in `path` as (H, W, 3) uint8 RGB: the same as when it is run on, upright by its EXIF tag."""
    with _picture(path):
        return images.read_rgb(path)


def size_of(path: Path) -> tuple[int, int]:
    """(height, width) of what `read_rgb` makes of `path`, without reading its pixels."""
    with _picture(path):
        return images.upright_size_hw(path)


def read_index_map(path: Path) -> np.ndarray:
    """The label picture in `path` as (H, W) uint8: one class index per pixel, as stored; 0 and 1 of one of 1 bit.

    Turned only by an EXIF tag of its own: one that was painted over an upright picture has none, and is upright.
    """
    with _picture(path), Image.open(path) as picture:
        mode, values = picture.mode, np.array(ImageOps.exif_transpose(picture))
    if mode == "1":
        return values.astype(np.uint8)
    if mode not in ("L", "P"):
        raise StreamdeqError(
            f"expected an 8-bit grey or palette picture of class indices in {path}, got {mode}; convert it"
        )
    return values


@contextmanager
def _picture(path: Path) -> Iterator[None]:
    """What goes wrong with a picture, in one line; a pipe would be waited for."""
    try:
        if kind := other_than_file(path):
            raise ValueError(kind)
        yield
    except images.BAD_PICTURE as error:
        raise StreamdeqError(f"expected a picture in {path}, got: {first_line(error)}; replace it") from error


def first_line(error: Exception) -> str:
    """What an error says, without a file's name where the system said it: that stands in ours."""
    return getattr(error, "strerror", None) or (str(error).splitlines() or [""])[0] or type(error).__name__
