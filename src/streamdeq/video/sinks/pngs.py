"""Write label maps to a folder of paletted PNGs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path, ensure_folder
from streamdeq.video.sinks.base import PendingFile, Sink, unwritable
from streamdeq.video.sinks.origin import MADE_BY


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Class indices of one frame: `labels` (H, W) uint8, `index` the frame's."""

    index: int
    labels: np.ndarray


class LabelPngSink(Sink[LabelMap]):
    """Writes `FOLDER/000042.png` for frame 42: the pixel values are the class indices, the palette their colours.

    Args:
        folder: made if it is not there; files of the same name are replaced, others left alone.
        palette: (K, 3) uint8 RGB, one colour per class; indices above have black.
    """

    def __init__(self, folder: str | os.PathLike[str], palette: Sequence[Sequence[int]]) -> None:
        self.folder = ensure_folder(folder)
        PendingFile(self.folder / "probe.png").discard()
        colours = [int(value) for colour in palette for value in colour]
        # All 256: with fewer colours Pillow stores fewer bits, and the ignore index 255 would be lost.
        self._palette = colours + [0] * (3 * 256 - len(colours))
        self._origin = PngInfo()
        self._origin.add_text("Software", MADE_BY)

    def write(self, item: LabelMap) -> None:
        if item.labels.dtype != np.uint8 or item.labels.ndim != 2:
            raise ValueError(f"labels must be uint8 (H, W), got {item.labels.dtype} {item.labels.shape}")
        picture = Image.fromarray(item.labels)
        picture.putpalette(self._palette)
        final = self.folder / f"{item.index:06d}.png"
        try:
            with atomic_path(final) as part:
                # Level 1: labels are flat areas, higher levels cost several times the time for little.
                picture.save(part, format="PNG", compress_level=1, pnginfo=self._origin)
        except OSError as error:
            raise StreamdeqError(unwritable(final, error.strerror)) from error

    def close(self) -> None:
        """Nothing is open: every picture is whole when `write` returns."""
