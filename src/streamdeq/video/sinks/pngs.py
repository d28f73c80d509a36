"""Write label maps to a folder of paletted PNGs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path, ensure_folder
from streamdeq.values.frame import Frame
from streamdeq.video.sinks.base import PendingFile, Sink, unwritable
from streamdeq.video.sinks.origin import MADE_BY


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Class indices of one frame: `labels` (H, W) uint8, `index` and `file` the frame's."""

    index: int
    labels: np.ndarray
    file: str = ""


class FrameFiles:
    """A file for each frame's answer: `FOLDER/000042.png` for frame 42 of a film; for a picture of a folder one of the
    picture's own name, with its ending before the new one where two differ in that alone or the name is `reserved`.

    Args:
        folder: made if it is not there, and so are those below it that pictures come from.
        ending: of the files.
    """

    def __init__(self, folder: str | os.PathLike[str], ending: str, *reserved: str) -> None:
        self.folder, self._ending, self._given = ensure_folder(folder), ending, set(reserved)

    def path(self, index: int, file: str) -> Path:
        if not file:
            return self.folder / f"{index:06d}{self._ending}"
        short = os.path.splitext(file)[0]
        name = file if short in self._given else short
        self._given.add(name)
        path = self.folder / f"{name}{self._ending}"
        if path.parent != self.folder:
            ensure_folder(path.parent)
        return path


class FramePngSink(Sink[Frame]):
    """Writes `FOLDER/000042.png`, the picture of frame 42, or what `FrameFiles` calls it.

    Args:
        folder: as in `LabelPngSink`.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self._files = _png_files(folder)
        self.folder = self._files.folder

    def write(self, item: Frame) -> None:
        _save(Image.fromarray(item.image), self._files.path(item.index, item.file))

    def close(self) -> None:
        """Nothing is open: every picture is whole when `write` returns."""


class LabelPngSink(Sink[LabelMap]):
    """Writes `FOLDER/000042.png` for frame 42, or what `FrameFiles` calls it: the pixel values are the class indices,
    the palette their colours.

    Args:
        folder: made if it is not there; files of the same name are replaced, others left alone.
        palette: (K, 3) uint8 RGB, one colour per class; indices above have black.
    """

    def __init__(self, folder: str | os.PathLike[str], palette: Sequence[Sequence[int]]) -> None:
        self._files = _png_files(folder)
        self.folder = self._files.folder
        colours = [int(value) for colour in palette for value in colour]
        # All 256: with fewer colours Pillow stores fewer bits, and the ignore index 255 would be lost.
        self._palette = colours + [0] * (3 * 256 - len(colours))

    def write(self, item: LabelMap) -> None:
        if item.labels.dtype != np.uint8 or item.labels.ndim != 2:
            raise ValueError(f"labels must be uint8 (H, W), got {item.labels.dtype} {item.labels.shape}")
        picture = Image.fromarray(item.labels)
        picture.putpalette(self._palette)
        _save(picture, self._files.path(item.index, item.file))

    def close(self) -> None:
        """Nothing is open: every picture is whole when `write` returns."""


def _png_files(folder: str | os.PathLike[str]) -> FrameFiles:
    """In a folder that has been written to."""
    files = FrameFiles(folder, ".png")
    PendingFile(files.folder / "probe.png").discard()
    return files


def _save(picture: Image.Image, final: Path) -> None:
    origin = PngInfo()
    origin.add_text("Software", MADE_BY)
    try:
        with atomic_path(final) as part:
            # Level 1: labels are flat areas; for them and for pictures higher levels cost several times the time for
            # little.
            picture.save(part, format="PNG", compress_level=1, pnginfo=origin)
    except OSError as error:
        raise StreamdeqError(unwritable(final, error.strerror)) from error
