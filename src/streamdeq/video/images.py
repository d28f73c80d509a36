"""Image files as a source: a folder, a shell pattern or a single picture, read by Pillow."""

from __future__ import annotations

import glob
import os
import re
import struct
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from fractions import Fraction
from mmap import ACCESS_READ, mmap
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from streamdeq.errors import StreamdeqError
from streamdeq.files import shown
from streamdeq.values.frame import Failure, Frame
from streamdeq.video.limits import MAX_PIXELS, check_pixels
from streamdeq.video.source import SourceInfo, StoredSource, frame_step, timed

#: How image files of a folder are called. A file that is given by itself is looked into instead.
IMAGE_SUFFIXES = frozenset(
    {".apng", ".avif", ".bmp", ".gif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg"}
    | {".pgm", ".png", ".pnm", ".ppm", ".tif", ".tiff", ".webp"}
)
FORMATS = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM", "AVIF", "GIF", "JPEG2000")
#: Those of which one file may hold many frames.
SEQUENCES = ("PNG", "TIFF", "WEBP", "AVIF", "GIF")
#: TIFF tags: a page that is a smaller copy of another, bits per sample.
SUBFILE_TYPE, BITS_PER_SAMPLE = 254, 258
#: EXIF's tag of how a picture lies, where it does not lie upright, and where height and width change places by it.
ORIENTATION, TURNED, TRANSPOSED = 0x0112, range(2, 9), (5, 6, 7, 8)
MS = Fraction(1, 1000)
#: What Pillow's readers of broken files raise.
BAD_PICTURE = (
    *(OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError),
    *(struct.error, Image.DecompressionBombError),
)


class ImageSource(StoredSource):
    """Image files in the given order, one frame each. A file that cannot be read is a `Failure`.

    Args:
        paths: the files; their sizes may differ.
        name: what to call them together.
        fps: frames per second, for images have no time.
        max_pixels: larger pictures are failures.
        note: what else to say at the end.

    Raises:
        StreamdeqError: none of the files is an image.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        name: str,
        fps: float | None = None,
        max_pixels: int = MAX_PIXELS,
        note: str = "",
    ) -> None:
        self.paths = tuple(paths)
        self._max_pixels = max_pixels
        self._step = frame_step(fps)
        size_hw = self._first_size_hw(name)
        info = SourceInfo(name, "images", False, float(1 / self._step), len(paths), size_hw, self._step)
        super().__init__(info, timed(self._read()), lambda: None)
        self.stats.note = note

    def _first_size_hw(self, name: str) -> tuple[int, int]:
        for path in self.paths:
            try:
                return upright_size_hw(path)
            except BAD_PICTURE:
                continue
        raise StreamdeqError(f"none of the {len(self.paths)} images of {name} can be read: give other files")

    def _read(self) -> Iterator[Frame | Failure]:
        longer = []
        together = os.path.commonpath([path.parent.absolute() for path in self.paths])
        for index, path in enumerate(self.paths):
            try:
                with Image.open(path) as picture:
                    image = rgb(picture, self._max_pixels)
                    if len(pages(picture)) > 1:
                        longer.append(path.name)
            except BAD_PICTURE as error:
                yield Failure(index, shown(f"{path.name}: {reason(error)}"))
            else:
                file = Path(os.path.relpath(path.absolute(), together)).as_posix()
                yield Frame(image, index, float(index * self._step), index, self._step, file=file)
        if longer:
            first = f"of {len(longer)} images with several frames, such as {longer[0]}, the first frame is taken"
            self.stats.note = "; ".join(filter(None, (self.stats.note, shown(first))))


class SequenceSource(StoredSource):
    """The frames of one image file: the pages of a TIFF, or an animation with its own times.

    Args:
        path: the file.
        fps: frames per second of pages, which have no time.
        max_pixels: larger pictures are failures.

    Raises:
        StreamdeqError: the file is not an image that can be read.
    """

    def __init__(self, path: Path, fps: float | None, max_pixels: int) -> None:
        self._path, self._step, self._max_pixels = path, frame_step(fps), max_pixels
        with ExitStack() as opened:
            try:
                self._picture = opened.enter_context(Image.open(path, formats=FORMATS))
                self._pages = pages(self._picture)
                width, height = self._picture.size
                self._picture.load()  # some formats say only now how long a frame lasts
                fps = float(1 / (self._delay() or self._step))
            except BAD_PICTURE as error:
                raise StreamdeqError(f"{path} cannot be read: {reason(error)}; give another file") from error
            opened.pop_all()
        info = SourceInfo(path.name, "images", False, fps, len(self._pages), (height, width), MS)
        super().__init__(info, timed(self._frames()), self._picture.close)

    def _frames(self) -> Iterator[Frame | Failure]:
        at = Fraction(0)
        for index, page in enumerate(self._pages):
            try:
                self._picture.seek(page)
                image = rgb(self._picture, self._max_pixels)
            except BAD_PICTURE as error:
                yield Failure(index, f"{self._path.name}, frame {index}: {reason(error)}")
            else:
                yield Frame(image, index, float(at), None, MS)
            at += self._delay() or self._step

    def _delay(self) -> Fraction:
        """How long the frame at hand is shown, in seconds; 0 where that is not said."""
        return Fraction(self._picture.info.get("duration") or 0) / 1000


def pages(picture: Image.Image) -> list[int]:
    """Numbers of the frames in an open image file; smaller copies of a page are none."""
    count = getattr(picture, "n_frames", 1) if picture.format in SEQUENCES else 1
    if picture.format != "TIFF" or count == 1:
        return list(range(count))
    found = []
    for page in range(count):
        picture.seek(page)
        if not int(picture.getexif().get(SUBFILE_TYPE, 0)) & 1:
            found.append(page)
    picture.seek(0)
    return found


def image_file(path: Path, fps: float | None, max_pixels: int) -> StoredSource | None:
    """The source for an image file, whatever it is called; None if it is none.

    Raises:
        StreamdeqError: it has more pixels than allowed.
    """
    try:
        with Image.open(path, formats=FORMATS) as picture:
            check_pixels(str(path), *picture.size, max_pixels)
            if picture.format == "JPEG" and "mp" not in picture.info and _is_motion_jpeg(path):
                return None
            many = len(pages(picture)) > 1
    except Image.DecompressionBombError as error:
        raise StreamdeqError(f"{path} has pictures of more pixels than can be read: make them smaller") from error
    except BAD_PICTURE:
        return None
    return SequenceSource(path, fps, max_pixels) if many else ImageSource([path], path.name, fps, max_pixels)


def _is_motion_jpeg(path: Path) -> bool:
    """Whether a JPEG is followed by another, as cameras and FFmpeg write a film of them."""
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as content:
        return content.find(b"\xff\xd9\xff\xd8\xff") >= 0


def read_rgb(path: Path, max_pixels: int = MAX_PIXELS) -> np.ndarray:
    """(H, W, 3) uint8 RGB, upright by its EXIF tag; more bits are cut to 8, transparency is dropped.

    Raises:
        OSError, SyntaxError, ValueError, Image.DecompressionBombError: whatever Pillow finds wrong with it.
    """
    with Image.open(path) as picture:
        return rgb(picture, max_pixels)


def rgb(picture: Image.Image, max_pixels: int) -> np.ndarray:
    """An open picture's pixels, as `read_rgb` says."""
    width, height = picture.size
    if width * height > max_pixels:
        raise ValueError(f"{width}×{height} pixels are more than {max_pixels / 1e6:.0f} million (--max-pixels)")
    if picture.mode == "F":
        raise ValueError("pixels are floating point numbers of unknown range")
    if picture.mode.startswith("I"):
        grey = np.asarray(ImageOps.exif_transpose(picture)).astype(np.int64) >> (bits(picture) - 8)
        return np.repeat(grey.clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)
    upright = ImageOps.exif_transpose(picture) if picture.getexif().get(ORIENTATION) in TURNED else picture
    return np.array(upright if upright.mode == "RGB" else upright.convert("RGB"))  # either would copy what is as it is


def bits(picture: Image.Image) -> int:
    """Bits per pixel of a grey picture, as its file declares them."""
    declared: Any = 16
    if picture.format == "TIFF":
        declared = picture.getexif().get(BITS_PER_SAMPLE, 16)
    elif picture.format == "JPEG2000":
        declared = jpeg2000_bits(picture)
    declared = declared[0] if isinstance(declared, tuple) else declared
    return declared if 8 < declared < 16 else 16


def jpeg2000_bits(picture: Image.Image) -> int:
    """From the SIZ marker: the eight fields before it have fixed lengths."""
    with open(str(picture.filename), "rb") as file:  # pyright: ignore[reportAttributeAccessIssue]
        head = file.read(4096)
    at = head.find(b"\xff\x4f\xff\x51")
    return (head[at + 42] & 0x7F) + 1 if 0 <= at < len(head) - 42 else 16


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
    return (width, height) if exif.get(ORIENTATION) in TRANSPOSED else (height, width)


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


def natural(path: str | Path) -> list[tuple[int, int, str]]:
    """Sort key by which frame2 comes before frame10."""
    parts = re.split(r"([0-9]+)", str(path).casefold())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def folder_source(folder: Path, fps: float | None, max_pixels: int) -> ImageSource:
    """The images directly in `folder`, in natural order; what other files are there is told."""
    try:
        entries = [entry for entry in folder.iterdir() if not entry.name.startswith(".")]
    except OSError as error:
        raise StreamdeqError(f"cannot read {folder}: {error.strerror}; check its permissions") from error
    paths = sorted((e for e in entries if e.suffix.lower() in IMAGE_SUFFIXES), key=natural)
    if not paths:
        found = sorted(entry.suffix for entry in entries if entry.is_file())
        others = f"; it holds {', '.join(dict.fromkeys(found))} files: give one of them" if found else ""
        raise StreamdeqError(f"no images ({suffixes()}) in {folder}{others}")
    return ImageSource(paths, folder.name or str(folder), fps, max_pixels, left_out(folder, entries, paths))


def left_out(folder: Path, entries: Sequence[Path], taken: Sequence[Path]) -> str:
    """Which files of a folder are not taken for images, by their endings."""
    others = Counter(entry.suffix or entry.name for entry in set(entries) - set(taken) if entry.is_file())
    what = ", ".join(f"{count} {suffix}" for suffix, count in sorted(others.items())[:8])
    return f"left out of {folder.name or folder}, for they are no images: {what}" if others else ""


def glob_source(pattern: str, fps: float | None, max_pixels: int) -> ImageSource:
    """The images whose path matches a shell pattern (`**` for any depth), in natural order."""
    matches = [path for path in map(Path, glob.iglob(pattern, recursive=True)) if path.is_file()]
    paths = sorted((path for path in matches if path.suffix.lower() in IMAGE_SUFFIXES), key=natural)
    if not paths:
        found = f"{len(matches)} files match it, none is an image" if matches else "nothing matches it"
        raise StreamdeqError(f"no images ({suffixes()}) for the pattern '{pattern}': {found}")
    return ImageSource(paths, pattern, fps, max_pixels)


def suffixes() -> str:
    return ", ".join(sorted(IMAGE_SUFFIXES))
