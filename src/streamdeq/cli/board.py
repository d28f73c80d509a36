"""Progress of several things at once on stderr: a bar each where a person watches, one line for all in a log."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TextIO

from streamdeq.cli.progress import Clock, Meter
from streamdeq.files import shown


class Board(Protocol):
    """What is told: by a key of their own things begin, go on by one frame, and end."""

    def begin(self, key: Any, title: str, total: int | None) -> None: ...

    def advance(self, key: Any, **values: float) -> None: ...

    def end(self, key: Any) -> None: ...


@contextmanager
def board(
    count: int,
    *,
    quiet: bool = False,
    stream: TextIO | None = None,
    clock: Clock = time.monotonic,
    every_s: float = 5.0,
) -> Iterator[Board]:
    """For `count` sources, of which some run at a time."""
    output = sys.stderr if stream is None else stream
    if quiet or output is None:
        yield _Silent()
    elif output.isatty():
        with _bars(count, output, clock) as bars:
            yield bars
    else:
        lines = _Lines(count, output, clock, every_s)
        try:
            yield lines
        finally:
            lines.say()


class _Silent:
    def begin(self, key: Any, title: str, total: int | None) -> None:
        pass

    def advance(self, key: Any, **values: float) -> None:
        pass

    def end(self, key: Any) -> None:
        pass


class _Lines:
    """`2 of 10 sources done, 412 frames, 33.1 fps; a.mp4 34/100, b.mp4 12/80`, every few seconds."""

    def __init__(self, count: int, stream: TextIO, clock: Clock, every_s: float) -> None:
        self._count, self._stream, self._clock, self._every_s = count, stream, clock, every_s
        self._meter = Meter(None, "frames", clock)
        self._running: dict[Any, tuple[str, Meter]] = {}
        self._done, self._said_at = 0, clock()

    def begin(self, key: Any, title: str, total: int | None) -> None:
        self._running[key] = title, Meter(total, "frames", self._clock)

    def advance(self, key: Any, **values: float) -> None:
        self._meter.advance(**values)
        self._running[key][1].advance(**values)
        if self._clock() - self._said_at >= self._every_s:
            self.say()

    def end(self, key: Any) -> None:
        self._done += 1
        self._running.pop(key, None)

    def say(self) -> None:
        parts = [f"{title} {meter.count_text().removesuffix(' frames')}" for title, meter in self._running.values()]
        rest = f"; {', '.join(parts)}" if parts else ""
        told = (
            f"{self._done} of {self._count} sources done, {self._meter.count_text()}, {self._meter.rate_text()}{rest}"
        )
        self._stream.write(f"{shown(told)}\n")
        self._stream.flush()
        self._said_at = self._clock()


class _Bars:
    def __init__(self, progress: Any, count: int, clock: Clock) -> None:
        self._progress, self._clock = progress, clock
        self._running: dict[Any, tuple[Any, Meter]] = {}
        self._meter = Meter(None, "frames", clock)
        self._all = progress.add_task("sources", total=count, count=f"0/{count} sources", rate="", values="")
        self._count, self._done = count, 0

    def begin(self, key: Any, title: str, total: int | None) -> None:
        meter = Meter(total, "frames", self._clock)
        task = self._progress.add_task(shown(title), total=total, count=meter.count_text(), rate="", values="")
        self._running[key] = task, meter

    def advance(self, key: Any, **values: float) -> None:
        task, meter = self._running[key]
        meter.advance(**values)
        self._meter.advance()
        told = {"count": meter.count_text(), "rate": meter.rate_text(), "values": meter.values_text()}
        self._progress.update(task, completed=meter.done, **told)
        self._progress.update(self._all, rate=self._meter.rate_text())

    def end(self, key: Any) -> None:
        """Its bar goes: there may be hundreds."""
        self._done += 1
        if key in self._running:
            self._progress.remove_task(self._running.pop(key)[0])
        self._progress.update(self._all, completed=self._done, count=f"{self._done}/{self._count} sources")


@contextmanager
def _bars(count: int, stream: TextIO, clock: Clock) -> Iterator[_Bars]:
    from streamdeq.cli.progress import bars

    with bars(stream) as progress:
        yield _Bars(progress, count, clock)
