"""The ground truth of a clip's frames: held in memory, read by a function when it is asked for, or in label maps."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from streamdeq.data.base import IGNORE_INDEX, Frames
from streamdeq.data.pictures import read_index_map, size_of
from streamdeq.errors import StreamdeqError

_UNKNOWN = -1


@dataclass(frozen=True, eq=False, slots=True)
class Held:
    """Targets in memory, by frame; those of `labelled` count."""

    targets: Mapping[int, Any]
    labelled: tuple[int, ...]

    @classmethod
    def of(cls, targets: Mapping[int, Any]) -> "Held":
        """All of them count."""
        return cls(targets, tuple(sorted(targets)))

    def read(self, t: int) -> Any:
        return self.targets.get(t)


@dataclass(frozen=True, eq=False, slots=True)
class Lazy:
    """Targets that a function reads when they are asked for; of frames not `labelled` nobody asks it."""

    labelled: tuple[int, ...]
    load: Callable[[int], Any]

    def read(self, t: int) -> Any:
        return self.load(t) if t in self.labelled else None


@dataclass(frozen=True)
class Coding:
    """What the values stored in label files mean: `table[value]` is a class index, 255 or -1 where it is an error."""

    expected: str
    table: tuple[int, ...]

    @classmethod
    def of(cls, meaning: Mapping[int, int], expected: str) -> "Coding":
        """`meaning` from stored value to class index or 255; all other values are errors."""
        return cls(expected, tuple(meaning.get(value, _UNKNOWN) for value in range(256)))

    @classmethod
    def plain(cls, classes: int) -> "Coding":
        """Label files that hold class indices as they are, and 255 for pixels without a class."""
        meaning = {value: value for value in range(classes)} | {IGNORE_INDEX: IGNORE_INDEX}
        return cls.of(meaning, f"class indices 0..{classes - 1} or {IGNORE_INDEX} (ignored)")

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


@dataclass(frozen=True)
class LabelFile:
    """A label map and how to read it."""

    path: Path
    coding: Coding


@dataclass(frozen=True, eq=False)
class LabelMaps:
    """Label maps in picture files, by frame, each as large as the frame's own picture file."""

    frames: Frames
    files: Mapping[int, LabelFile]

    @property
    def labelled(self) -> tuple[int, ...]:
        return tuple(sorted(self.files))

    def read(self, t: int) -> np.ndarray | None:
        file, place = self.files.get(t), self.frames.place(t)
        if file is None or place is None:
            return None
        stored = read_index_map(file.path)
        _check_size(stored, file.path, place[0])
        return file.coding.decode(stored, file.path)


def _check_size(stored: np.ndarray, path: Path, picture: Path) -> None:
    try:
        height, width = size_of(picture)
    except StreamdeqError:
        return  # the picture's own reader says what is wrong with it
    if stored.shape != (height, width):
        raise StreamdeqError(
            f"expected {path} to be as large as its picture {picture}, {width}x{height}, "
            f"got {stored.shape[1]}x{stored.shape[0]}; replace one of them"
        )
