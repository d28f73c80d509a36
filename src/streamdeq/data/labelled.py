"""Frames in picture files, some of which have a label file, and what readers of folders share. Knows no layout."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from streamdeq.data.base import IGNORE_INDEX, Clip, Place
from streamdeq.data.files import read_index_map, read_rgb, size_of
from streamdeq.errors import StreamdeqError

PICTURES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm"})

_UNKNOWN = -1


@dataclass(frozen=True)
class Coding:
    """What the values stored in label files mean: `table[value]` is a class index, 255 or -1 where it is an error."""

    expected: str
    table: tuple[int, ...]

    @classmethod
    def of(cls, meaning: Mapping[int, int], expected: str) -> "Coding":
        """`meaning` from stored value to class index or 255; all other values are errors."""
        return cls(expected, tuple(meaning.get(value, _UNKNOWN) for value in range(256)))

    def decode(self, stored: np.ndarray, path: Path) -> np.ndarray:
        """(H, W) uint8 as stored → class indices, 255 ignored. `path` is for the error."""
        decoded = np.array(self.table, np.int16)[stored]
        wrong = decoded == _UNKNOWN
        if wrong.any():
            y, x = (int(place) for place in np.argwhere(wrong)[0])
            raise StreamdeqError(
                f"expected {self.expected} in {path}, got {int(stored[y, x])} at row {y}, column {x}; correct the file"
            )
        return decoded.astype(np.uint8)


def plain_indices(classes: int) -> Coding:
    """Label files that hold class indices as they are, and 255 for pixels without a class."""
    meaning = {value: value for value in range(classes)} | {IGNORE_INDEX: IGNORE_INDEX}
    return Coding.of(meaning, f"class indices 0..{classes - 1} or {IGNORE_INDEX} (ignored)")


@dataclass(frozen=True)
class Label:
    """A label file and how to read it."""

    path: Path
    coding: Coding


@dataclass(frozen=True, eq=False)
class LabelledClip(Clip):
    """A clip of picture files; `labels` holds the label of each frame that has one."""

    name: str
    fps: float
    images: tuple[Path, ...]
    labels: Mapping[int, Label]

    def __len__(self) -> int:
        return len(self.images)

    def image(self, t: int) -> np.ndarray:
        return read_rgb(self.images[self.check(t)])

    def target(self, t: int) -> np.ndarray | None:
        label = self.labels.get(self.check(t))
        if label is None:
            return None
        stored = read_index_map(label.path)
        self._check_size(stored, label.path, self.images[t])
        return label.coding.decode(stored, label.path)

    @property
    def labelled(self) -> tuple[int, ...]:
        return tuple(sorted(self.labels))

    def place(self, t: int) -> Place:
        return self.images[self.check(t)], None

    def _check_size(self, stored: np.ndarray, path: Path, picture: Path) -> None:
        try:
            height, width = size_of(picture)
        except StreamdeqError:
            return  # the picture's own reader says what is wrong with it
        if stored.shape != (height, width):
            raise StreamdeqError(
                f"expected {path} to be as large as its picture {picture}, {width}x{height}, "
                f"got {stored.shape[1]}x{stored.shape[0]}; replace one of them"
            )


def subfolders(folder: Path) -> list[Path]:
    """The folders directly in `folder`, by name; hidden ones are nobody's data."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def pictures(paths: Iterable[Path]) -> list[Path]:
    """Those of `paths` that are named as pictures, by name."""
    return sorted(p for p in paths if p.suffix.lower() in PICTURES and not p.name.startswith("."))
