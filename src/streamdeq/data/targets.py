"""The ground truth of a clip's frames: held in memory, read by a function when it is asked for, or in label maps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from streamdeq.data.base import IGNORE_INDEX, Frames
from streamdeq.data.pictures import read_index_map, size_of
from streamdeq.data.shapes import Sheet
from streamdeq.errors import StreamdeqError

_UNKNOWN = -1
#: By which the side of a scaled picture may differ from the exact one.
_ROUNDING_PX = 1.5


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


class InText:
    """Targets that stand in text: all of them are read before work begins that depends on them."""

    __slots__ = ()


@dataclass(frozen=True, eq=False, slots=True)
class Lazy:
    """Targets that a function reads when they are asked for; of frames not `labelled` nobody asks it."""

    labelled: tuple[int, ...]
    load: Callable[[int], Any]

    def read(self, t: int) -> Any:
        return self.load(t) if t in self.labelled else None


@dataclass(frozen=True, eq=False, slots=True)
class LazyText(Lazy, InText):
    """The same of text files."""


@dataclass(frozen=True, eq=False, slots=True)
class Sized(InText):
    """Targets in the pixels of the sizes (height, width) that a file declares for frames, brought to those that the
    pictures have. `origin` is the file, for the error."""

    held: Held
    frames: Frames
    declared: Mapping[int, tuple[float, float]]
    origin: Path

    @property
    def labelled(self) -> tuple[int, ...]:
        return self.held.labelled

    def read(self, t: int) -> Any:
        target, place = self.held.read(t), self.frames.place(t)
        if target is None or place is None or t not in self.declared:
            return target
        return fitted(target, self.declared[t], place[0], self.origin)


def fitted(target: Any, declared_hw: tuple[float, float], picture: Path, origin: Path) -> Any:
    """`Boxes`, `Keypoints` or a `Sheet` in the pixels of a declared size → in those of the picture.

    Raises:
        StreamdeqError: the picture is not the declared one, scaled.
    """
    actual_hw = size_of(picture)
    if actual_hw == declared_hw:
        return target
    y, x = (actual / declared for actual, declared in zip(actual_hw, declared_hw, strict=True))
    if abs(x - y) * max(declared_hw) > _ROUNDING_PX and abs(1 / x - 1 / y) * max(actual_hw) > _ROUNDING_PX:
        turned = "; was it turned after it was labelled?" if actual_hw == declared_hw[::-1] else ""
        raise StreamdeqError(
            f"expected the picture {picture} of {declared_hw[1]:g}x{declared_hw[0]:g} pixels, or of these sides by one "
            f"factor, as {origin} declares it, got {actual_hw[1]}x{actual_hw[0]} upright{turned or '; is it another?'}"
        )
    return target.scaled(x, y)


class InPixels:
    """Label maps: they are looked into in part before work begins, as it takes long to read all."""

    __slots__ = ()


@dataclass(frozen=True, eq=False, slots=True)
class Drawn:
    """Targets made of what was drawn on frames, when they are asked for, in the pixels that the pictures have.

    Args:
        make: what was drawn, and the frame's height and width → the target.
        origin: the file that says it, for the error.
    """

    sheets: Mapping[int, Sheet]
    frames: Frames
    make: Callable[[Sheet, tuple[int, int]], Any]
    origin: Path

    @property
    def labelled(self) -> tuple[int, ...]:
        return tuple(sorted(self.sheets))

    def read(self, t: int) -> Any:
        sheet = self.sheet(t)
        return None if sheet is None else self.make(sheet, (round(sheet.size_hw[0]), round(sheet.size_hw[1])))

    def sheet(self, t: int) -> Sheet | None:
        """What was drawn on frame `t`, in the pixels of its picture."""
        sheet, place = self.sheets.get(t), self.frames.place(t)
        if sheet is None or place is None or place[1] is not None:  # a film's frame has the size that was drawn on
            return sheet
        return replace(fitted(sheet, sheet.size_hw, place[0], self.origin), size_hw=size_of(place[0]))


class DrawnText(Drawn, InText):
    """Boxes or key points."""

    __slots__ = ()


class DrawnMaps(Drawn, InPixels):
    """Label maps."""

    __slots__ = ()


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
        return cls.stored(range(classes))

    @classmethod
    def stored(cls, values: Sequence[int]) -> "Coding":
        """Label files that hold these values for the classes, and 255, if it is none of them, for pixels without."""
        plain = list(values) == list(range(len(values)))
        told = f"class indices 0..{len(values) - 1}" if plain else f"the classes' values {', '.join(map(str, values))}"
        meaning = {IGNORE_INDEX: IGNORE_INDEX} | {value: index for index, value in enumerate(values)}
        return cls.of(meaning, told if IGNORE_INDEX in values else f"{told} or {IGNORE_INDEX} (ignored)")

    def decode(self, stored: np.ndarray, path: Path) -> np.ndarray:
        """(H, W) uint8 as stored → class indices, 255 ignored. `path` is for the error."""
        # Tables of bytes are read ten times as fast as arrays are indexed: a label map has two million pixels.
        pixels, known = (
            stored.tobytes(),
            bytes(value for value, meaning in enumerate(self.table) if meaning != _UNKNOWN),
        )
        if pixels.translate(None, known):
            wrong = np.array(self.table)[stored] == _UNKNOWN
            y, x = (int(place) for place in np.argwhere(wrong)[0])
            raise StreamdeqError(
                f"expected {self.expected} in {path}, got {int(stored[y, x])} at row {y}, column {x}; correct the file"
            )
        decoded = bytearray(pixels.translate(bytes(meaning & 255 for meaning in self.table)))
        return np.frombuffer(decoded, np.uint8).reshape(stored.shape)


@dataclass(frozen=True)
class LabelFile:
    """A label map and how to read it."""

    path: Path
    coding: Coding


@dataclass(frozen=True, eq=False)
class LabelMaps(InPixels):
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
