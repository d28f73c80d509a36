"""The base class of frame sources: an iterable of frames with its description and its counts."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from types import TracebackType
from typing import Self

from streamdeq.errors import StreamdeqError
from streamdeq.files import shown
from streamdeq.values.frame import Failure, Frame, Item

# For what has neither a clock nor a rate.
FALLBACK_FPS = 25.0


@dataclass(frozen=True)
class SourceInfo:
    """What is known of a source before it is read to its end.

    Attributes:
        name: for messages and file names; never holds credentials.
        kind: "video", "images", "arrays", …
        live: frames arrive whether or not somebody takes them.
        fps: frames per second on average; None where unknown.
        frames: how many frames to expect; an estimate, None where unknown.
        size_hw: height and width of the first frame, upright; None where not known before it came.
        time_base: seconds per unit of `Frame.pts`; None where frames have no pts.
        pixel_aspect: width of a pixel over its height; None where square or unknown.
    """

    name: str
    kind: str
    live: bool = False
    fps: float | None = None
    frames: int | None = None
    size_hw: tuple[int, int] | None = None
    time_base: Fraction | None = None
    pixel_aspect: Fraction | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", shown(self.name))


@dataclass
class SourceStats:
    """What a source has handed out so far: `decoded` = `frames` + `dropped` + `failed`, always.

    Attributes:
        dropped: frames of a live source that were decoded and not handed out; those that wait when it is closed too.
        reconnects: how often a live source was away and came back.
        note: what else a user should know at the end ("the file ends early …"); empty when all is well.
    """

    frames: int = 0
    failed: int = 0
    dropped: int = 0
    reconnects: int = 0
    note: str = ""

    @property
    def decoded(self) -> int:
        return self.frames + self.dropped + self.failed

    def count(self, item: Item) -> None:
        if isinstance(item, Frame):
            self.frames += 1
            self.dropped += item.dropped_before
        elif isinstance(item, Failure):
            self.failed += 1


class Source(ABC):
    """An iterable of `Frame | Failure`, a live one of `Gap` too, read once, closed by `with`.

    Raises while iterating:
        StreamdeqError: when the end came before any frame.
    """

    def __init__(self, info: SourceInfo) -> None:
        self.info = info
        self.stats = SourceStats()

    @abstractmethod
    def _items(self) -> Iterator[Item]:
        """Frames and failures in the order they are shown; `index` counts both."""

    @abstractmethod
    def close(self) -> None:
        """Give back files, threads and devices. May be called twice, and before the end."""

    def __iter__(self) -> Iterator[Item]:
        for item in self._items():
            self.stats.count(item)
            yield item
            del item  # a picture is not held while the next is made
        if not self.stats.frames:
            raise StreamdeqError(
                f"no frame came from {self.name} ({self.stats.failed} failed): give a source that has frames"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def name(self) -> str:
        return self.info.name

    @property
    def kind(self) -> str:
        return self.info.kind

    @property
    def live(self) -> bool:
        return self.info.live

    @property
    def fps(self) -> float | None:
        return self.info.fps

    @property
    def frames(self) -> int | None:
        return self.info.frames

    @property
    def size_hw(self) -> tuple[int, int] | None:
        return self.info.size_hw

    @property
    def time_base(self) -> Fraction | None:
        return self.info.time_base


class StoredSource(Source):
    """A source that waits for its consumer: what `items` gives, until it is closed.

    Args:
        release: gives back what `items` needs.
    """

    def __init__(self, info: SourceInfo, items: Iterator[Frame | Failure], release: Callable[[], None]) -> None:
        super().__init__(info)
        self._rest = items
        self._release = release

    def _items(self) -> Iterator[Item]:
        yield from self._rest

    def close(self) -> None:
        self._rest = iter(())
        self._release()


def timed(items: Iterator[Frame | Failure]) -> Iterator[Frame | Failure]:
    """Fill in `decode_s`: the time it took to get each frame out of `items`, and no time in between."""
    started_s = time.perf_counter()
    for item in items:
        spent_s = time.perf_counter() - started_s
        yield replace(item, decode_s=spent_s) if isinstance(item, Frame) else item
        del item
        started_s = time.perf_counter()


def frame_step(fps: float | None) -> Fraction:
    """Seconds per frame for pictures without a clock, exact for rates such as 30000/1001.

    Raises:
        StreamdeqError: the rate is not between 0.01 and 1000.
    """
    if fps is not None and not 0.01 <= fps <= 1000:
        raise StreamdeqError(f"expected 0.01 to 1000 frames per second, got {fps:g}: give another rate")
    return 1 / Fraction(fps or FALLBACK_FPS).limit_denominator(1001)
