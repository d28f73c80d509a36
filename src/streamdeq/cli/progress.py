"""Progress on stderr: a bar where a person watches, a line every few seconds where a log does.

Knows numbers and their names; knows no task. stdout is left to a command's results.
"""

import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TextIO

from streamdeq.files import shown

Clock = Callable[[], float]


class Advance(Protocol):
    """Report one more unit done, with what is worth seeing of it: `advance(residual=1e-3)`."""

    def __call__(self, **values: float) -> None: ...


@contextmanager
def track(
    title: str,
    total: int | None,
    *,
    unit: str = "frames",
    quiet: bool = False,
    stream: TextIO | None = None,
    clock: Clock = time.monotonic,
    every_s: float = 5.0,
) -> Iterator[Advance]:
    """Yield `advance`, to be called once per unit; `total` is None where nobody knows the end.

    The closing state is shown however the block ends, if anything was done. Frames are counted in fps, other units
    per second.
    """
    output = sys.stderr if stream is None else stream
    meter = Meter(total, unit, clock)
    if quiet or output is None:
        yield meter.advance
    elif output.isatty():
        with _bar(title, meter, output) as advance:
            yield advance
    else:
        with _lines(title, meter, output, every_s) as advance:
            yield advance


class Meter:
    """How many are done, how fast of late, and the last values."""

    WINDOW_S = 3.0

    def __init__(self, total: int | None, unit: str, clock: Clock) -> None:
        self.total, self.unit, self.clock = total, unit, clock
        self.done = 0
        self.values: dict[str, float] = {}
        self._times = deque([clock()])
        self._began = self._times[0]

    def advance(self, **values: float) -> None:
        now = self.clock()
        self.done += 1
        self.values = values
        self._times.append(now)
        # The last one before the window stays: a unit slower than the window still has a rate.
        while len(self._times) > 2 and self._times[1] < now - self.WINDOW_S:
            self._times.popleft()

    @property
    def rate(self) -> float:
        """Units per second over the last few seconds; 0 before the first."""
        elapsed = self._times[-1] - self._times[0]
        return (len(self._times) - 1) / elapsed if elapsed > 0 else 0.0

    def count_text(self) -> str:
        return f"{self.done}/{self.total} {self.unit}" if self.total is not None else f"{self.done} {self.unit}"

    def rate_text(self) -> str:
        return f"{self.rate:.1f} fps" if self.unit == "frames" else f"{self.rate:.2f} {self.unit}/s"

    def left_text(self) -> str:
        """`2:05 left`, at the rate since the beginning, which knows of pauses; empty where nobody knows the end."""
        if self.total is None or not 0 < self.done < self.total:
            return ""
        seconds = round((self._times[-1] - self._began) / self.done * (self.total - self.done))
        hours, minutes = divmod(seconds // 60, 60)
        clock = f"{hours}:{minutes:02d}:{seconds % 60:02d}" if hours else f"{minutes}:{seconds % 60:02d}"
        return f"{clock} left"

    def values_text(self) -> str:
        return ", ".join(f"{name} {value:.3g}" for name, value in self.values.items())


@contextmanager
def _lines(title: str, meter: Meter, stream: TextIO, every_s: float) -> Iterator[Advance]:
    said_at, said_done = meter.clock(), 0

    def say() -> None:
        nonlocal said_at, said_done
        parts = [meter.count_text(), meter.rate_text(), meter.values_text(), meter.left_text()]
        stream.write(f"{shown(title)}: {', '.join(part for part in parts if part)}\n")
        stream.flush()
        said_at, said_done = meter.clock(), meter.done

    def advance(**values: float) -> None:
        meter.advance(**values)
        if meter.clock() - said_at >= every_s:
            say()

    try:
        yield advance
    finally:
        if said_done != meter.done:
            say()


def bars(stream: TextIO) -> Any:
    """Of rich, for tasks with the fields `count`, `rate` and `values`."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TextColumn("{task.fields[rate]}"),
        TextColumn("{task.fields[values]}"),
        TimeRemainingColumn(compact=True),
    )
    return Progress(*columns, console=Console(file=stream))


@contextmanager
def _bar(title: str, meter: Meter, stream: TextIO) -> Iterator[Advance]:
    with bars(stream) as progress:
        task = progress.add_task(shown(title), total=meter.total, count=meter.count_text(), rate="", values="")

        def advance(**values: float) -> None:
            meter.advance(**values)
            progress.update(
                task,
                completed=meter.done,
                count=meter.count_text(),
                rate=meter.rate_text(),
                values=meter.values_text(),
            )

        yield advance
