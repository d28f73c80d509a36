"""Image files as a source: a folder, a shell pattern or a single picture, read by Pillow."""

from __future__ import annotations

import glob
import re
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Failure, Frame
from streamdeq.video.source import SourceInfo, StoredSource, frame_step, timed

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pnm", ".avif"})
#: EXIF orientations by which height and width change places.
TRANSPOSED = (5, 6, 7, 8)
BAD_PICTURE = (OSError, SyntaxError, ValueError, Image.DecompressionBombError)


class ImageSource(StoredSource):
    """Image files in the given order, one frame each. A file that cannot be read is a `Failure`.

    Args:
        paths: the files; their sizes may differ.
        name: what to call them together.
        fps: frames per second, for images have no time.

    Raises:
        StreamdeqError: none of the files is an image.
    """

    def __init__(self, paths: Sequence[Path], name: str, fps: float | None = None) -> None:
        self.paths = tuple(paths)
        self._step = frame_step(fps)
        size_hw = self._first_size_hw(name)
        info = SourceInfo(name, "images", False, float(1 / self._step), len(paths), size_hw, self._step)
        super().__init__(info, timed(self._read()), lambda: None)

    def _first_size_hw(self, name: str) -> tuple[int, int]:
        for path in self.paths:
            try:
                return upright_size_hw(path)
            except BAD_PICTURE:
                continue
        raise StreamdeqError(f"none of the {len(self.paths)} images of {name} can be read: give other files")

    def _read(self) -> Iterator[Frame | Failure]:
        for index, path in enumerate(self.paths):
            try:
                image = read_rgb(path)
            except BAD_PICTURE as error:
                yield Failure(index, f"{path.name}: {reason(error)}")
            else:
                yield Frame(image, index, float(index * self._step), index, self._step)


def read_rgb(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB, upright by its EXIF tag; 16 bits are cut to 8, transparency is dropped.

    Raises:
        OSError, SyntaxError, ValueError, Image.DecompressionBombError: whatever Pillow finds wrong with it.
    """
    with Image.open(path) as picture:
        if picture.mode == "F":
            raise ValueError("pixels are floating point numbers of unknown range")
        if picture.mode.startswith("I"):
            grey = np.asarray(ImageOps.exif_transpose(picture)).astype(np.int64) >> 8
            return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
        return np.array(ImageOps.exif_transpose(picture).convert("RGB"))


def upright_size_hw(path: Path) -> tuple[int, int]:
    """Height and width of what `read_rgb` makes of it, without decoding pixels where a file is whole.

    Raises:
        OSError, SyntaxError, ValueError, Image.DecompressionBombError: as `read_rgb`.
    """
    with Image.open(path) as picture:
        width, height = picture.size
        if picture.format == "TIFF":  # Pillow has turned the size already
            return height, width
        # A PNG's own getexif decodes all of it, in case the tag comes last.
        whole = picture.format != "PNG" or _says_more_after_pixels(path)
        exif = picture.getexif() if whole else Image.Image.getexif(picture)
    return (width, height) if exif.get(0x0112) in TRANSPOSED else (height, width)


def _says_more_after_pixels(path: Path) -> bool:
    """Whether a PNG has any chunk between its pixels and its end, or no end. Reads the chunks' headers."""
    pixels = False
    with path.open("rb") as file:
        file.seek(8)
        while len(header := file.read(8)) == 8:
            length, kind = struct.unpack(">I4s", header)
            if kind == b"IEND" or (pixels and kind != b"IDAT"):
                return kind != b"IEND"
            pixels = pixels or kind == b"IDAT"
            file.seek(length + 4, 1)  # the sum follows
    return True


def reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return "not an image that can be read" if text.startswith("cannot identify") else text


def natural(path: Path) -> list[tuple[int, int, str]]:
    """Sort key by which frame2 comes before frame10."""
    parts = re.split(r"([0-9]+)", str(path).casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def folder_source(folder: Path, fps: float | None) -> ImageSource:
    """The images directly in `folder`, in natural order."""
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise StreamdeqError(f"cannot read {folder}: {error.strerror}; check its permissions") from error
    paths = sorted((e for e in entries if e.suffix.lower() in IMAGE_SUFFIXES), key=natural)
    if not paths:
        found = sorted(entry.suffix for entry in entries if entry.is_file())
        others = f"; it holds {', '.join(dict.fromkeys(found))} files: give one of them" if found else ""
        raise StreamdeqError(f"no images ({suffixes()}) in {folder}{others}")
    return ImageSource(paths, folder.name or str(folder), fps)


def glob_source(pattern: str, fps: float | None) -> ImageSource:
    """The images whose path matches a shell pattern (`**` for any depth), in natural order."""
    matches = [path for path in map(Path, glob.iglob(pattern, recursive=True)) if path.is_file()]
    paths = sorted((path for path in matches if path.suffix.lower() in IMAGE_SUFFIXES), key=natural)
    if not paths:
        found = f"{len(matches)} files match it, none is an image" if matches else "nothing matches it"
        raise StreamdeqError(f"no images ({suffixes()}) for the pattern '{pattern}': {found}")
    return ImageSource(paths, pattern, fps)


def suffixes() -> str:
    return ", ".join(sorted(IMAGE_SUFFIXES))
