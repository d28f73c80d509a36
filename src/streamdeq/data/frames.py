"""The pictures of a clip, wherever they come from: picture files, a film, a function, a window of other frames."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TypeVar

import numpy as np

from streamdeq.data.base import Frames, Place
from streamdeq.data.pictures import read_rgb
from streamdeq.errors import StreamdeqError
from streamdeq.reading import check_regular
from streamdeq.values.frame import Frame
from streamdeq.values.geometry import Window
from streamdeq.video import open_source

T = TypeVar("T")

#: Decoded frames that are kept of a film: a little more than a chain of the protocol goes back.
KEPT = 24


def runs(items: Iterable[T], follows: Callable[[list[T], T], bool]) -> list[list[T]]:
    """The items in order, cut before each that does not follow those of its run so far."""
    found: list[list[T]] = []
    for item in items:
        if not found or not follows(found[-1], item):
            found.append([])
        found[-1].append(item)
    return found


@dataclass(frozen=True, eq=False, slots=True)
class PictureFiles:
    """A picture file per frame. Text takes a third of the memory of a path, where there are a million."""

    paths: Sequence[Path | str]

    def __len__(self) -> int:
        return len(self.paths)

    def read(self, t: int) -> np.ndarray:
        return read_rgb(self.place(t)[0])

    def place(self, t: int) -> Place:
        return Path(self.paths[t]), None


@dataclass(frozen=True, eq=False)
class Rendered:
    """Frames that a function makes, of their number."""

    count: int
    draw: Callable[[int], np.ndarray]

    def __len__(self) -> int:
        return self.count

    def read(self, t: int) -> np.ndarray:
        return self.draw(t)

    def place(self, t: int) -> None:
        return None


@dataclass(frozen=True, eq=False)
class Crop:
    """What a window shows of other frames, of the first `count`."""

    frames: Frames
    count: int
    window: Window

    def __len__(self) -> int:
        return self.count

    def read(self, t: int) -> np.ndarray:
        return self.window.cut(self.frames.read(t))

    def place(self, t: int) -> None:
        return None


class FilmFrames:
    """The first `count` frames of a film, in decode order. Cheap forwards and within the last `KEPT`; else it begins
    anew."""

    def __init__(self, path: Path, count: int) -> None:
        self.path = path
        self._count = count
        self._frames: Iterator[Frame] | None = None
        self._held: OrderedDict[int, np.ndarray] = OrderedDict()
        self._next = 0
        self._lock = Lock()

    def __len__(self) -> int:
        return self._count

    def read(self, t: int) -> np.ndarray:
        with self._lock:
            if t not in self._held:
                self._go_to(t)
            return self._held[t].copy()

    def place(self, t: int) -> Place:
        return self.path, t

    def _go_to(self, t: int) -> None:
        if self._frames is None or t < self._next:
            self._frames, self._next = self._decode(), 0
        for frame in self._frames:
            self._held[frame.index] = frame.image
            self._held.move_to_end(frame.index)
            self._next = frame.index + 1
            if len(self._held) > KEPT:
                self._held.popitem(last=False)
            if frame.index == t:
                return
        self._frames = None
        raise StreamdeqError(f"expected a frame number {t} in {self.path}, which has {self._next} frames")

    def _decode(self) -> Iterator[Frame]:
        check_regular(self.path)
        with open_source(self.path) as items:
            for item in items:
                if isinstance(item, Frame):
                    yield item
