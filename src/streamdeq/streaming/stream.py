"""One video as a loop over the engine's verbs. Knows no file format: whoever builds a stream says how to open one.

`advance` is the functional core: (frame, state) → (result, state); `Stream` keeps the state between calls.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.streaming.budget import Progress
from streamdeq.streaming.cut import Evidence
from streamdeq.streaming.engine import status_of
from streamdeq.streaming.options import CONVERGED, StartFrom
from streamdeq.streaming.regions import together
from streamdeq.streaming.state import StreamState
from streamdeq.values.frame import Failure, Frame, Gap, Item
from streamdeq.values.status import Start, Status, Stop

#: Called with the answer after every step of a frame.
OnUpdate = Callable[[Any], None]
Clock = Callable[[], float]


def advance(
    frame: Frame, state: StreamState, on_update: OnUpdate | None = None, clock: Clock = perf_counter
) -> tuple[Any, StreamState]:
    """One frame: observe, iterate as the budget says, read. The state given is consumed.

    Args:
        on_update: gets the answer after every step, the last one included: act on the first, refine later.
        clock: seconds, for budgets that keep to time.
    """
    solve = _FrameSolve(frame, state, on_update, clock)
    solve.step()
    seen, extra = solve.look_for_cut()
    stopped = solve.until_stopped()
    for _ in range(extra):
        solve.step()
    result = solve.answer(stopped)
    return result, replace(solve.state, value=solve.budget.update(state.value, solve.progress()), seen=seen)


class _FrameSolve:
    """The solve of one frame while it goes on: what was spent on it, and its answer as it stands."""

    def __init__(self, frame: Frame, state: StreamState, on_update: OnUpdate | None, clock: Clock) -> None:
        self._frame, self._on_update, self._clock = frame, on_update, clock
        self._engine = state.engine
        self._last: Any = None
        self._compared: Any = None
        self._step_s = self._head_s = 0.0
        self._began = clock()
        self.state = state = state.observe(frame, keep=state.options.start != StartFrom.ZEROS)
        self._rows = state.rows
        self._inject_s = clock() - self._began
        long_first = state.options.start == StartFrom.REFERENCE and self._status.start is Start.COLD
        self.budget = CONVERGED if long_first else state.budget

    @property
    def _status(self) -> Status:
        """Of the frame: of its row, or of all of them."""
        statuses = [row.status for row in self._rows if row.status is not None]
        return statuses[0] if len(statuses) == 1 else together(statuses, self._frame.index, self._frame.time_s)

    @property
    def _evaluations(self) -> int:
        """In the solve at hand; all rows of a frame have the same number."""
        return self._rows[0].evaluations if self._rows else 0

    def step(self) -> None:
        began = self._clock()
        self._engine.iterate(self._rows)
        if self.budget.timed:
            self._engine.functions.wait()
        self._step_s = self._clock() - began
        if self._on_update is not None:
            self._on_update(self._current())

    def until_stopped(self) -> Stop:
        """Steps until the budget names a reason not to."""
        if not self._rows:
            return Stop.ITERATIONS  # there is nothing to look at
        if not self._evaluations:  # a cut made the solve begin anew
            self.step()
        while (stopped := self.budget.stop(self.state.value, self.progress())) is None:
            self.step()
        return stopped

    def look_for_cut(self) -> tuple[Any, int]:
        """After the first step: what the detector remembers now, and how many extra steps the frame gets."""
        cuts, rows = self.state.cuts, self._rows
        if not rows:
            return self.state.seen, 0
        evidence = Evidence(self._frame.image, self._status.start, self._residual)
        seen, is_cut = cuts.detector.update(self.state.seen, evidence)
        if not is_cut:
            return seen, 0
        cuts.response.begin(self._restart)
        for row in rows:
            row.status = replace(status_of(row), cut=True)
        return seen, 0 if self.budget.timed else cuts.response.extra

    def answer(self, stopped: Stop) -> Any:
        """The answer that stays."""
        began = self._clock()
        result = self._current()
        self._head_s = max(self._clock() - began, result.status.read_s)
        for row in self._rows:
            row.status = replace(status_of(row), stopped=stopped)
        return replace(result, status=replace(result.status, stopped=stopped))

    def progress(self) -> Progress:
        elapsed_s = self._clock() - self._began
        return Progress(
            nfe=self._evaluations,
            elapsed_s=elapsed_s,
            inject_s=self._inject_s,
            step_s=self._step_s,
            head_s=self._head_s,
            residual=self._residual,
            change=self._change,
        )

    def _current(self) -> Any:
        """The answer as it stands, decoded once per step however often it is asked for."""
        if self._last is None or self._last.status.nfe != self._status.nfe:
            self._last = self.state.read(self._frame)
        return self._last

    def _restart(self) -> None:
        for row in self._rows:
            self._engine.restart(row)

    def _residual(self) -> float:
        """The worst of the rows'."""
        return max(self._engine.residual(row) for row in self._rows)

    def _change(self) -> float:
        """How much the last step changed, 0–1; all of it for the first."""
        before, self._compared = self._compared, self._current()
        return 1.0 if before is None else self._compared.change_from(before)


@dataclass
class Stats:
    """Every frame of a run, to the frame: decoded = processed + dropped + failed."""

    processed: int = 0
    dropped: int = 0
    failed: int = 0

    @property
    def decoded(self) -> int:
        return self.processed + self.dropped + self.failed


class Source(Protocol):
    """What `open_source` gives."""

    def __enter__(self) -> Iterable[Item]: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Stream:
    """One video. Call it with frames, or let `run` take them from a source. Use it as a context manager.

    Args:
        state: where to begin.
        open_source: turns what `run` is given into a source of frames.
        clock: seconds, for budgets that keep to time.
    """

    def __init__(self, state: StreamState, open_source: Callable[[Any], Source], clock: Clock = perf_counter) -> None:
        self.stats = Stats()
        self._open_source = open_source
        self._clock = clock
        self._gap_s = 0.0
        self._observed: Frame | None = None
        self._state: StreamState | None = state

    @property
    def state(self) -> StreamState:
        """What the stream carries; `clone` it to keep it."""
        if self._state is None:
            raise StreamdeqError("this stream is closed; make a new one with model.stream()")
        return self._state

    def __call__(self, image: np.ndarray, time_s: float = 0.0, on_update: OnUpdate | None = None) -> Any:
        """The answer for the next frame, (H, W, 3) uint8 RGB.

        Raises:
            StreamdeqError: an array of another shape or type, or the stream is closed.
        """
        return self.step(Frame(image, self.stats.decoded, time_s), on_update)

    def step(self, frame: Frame, on_update: OnUpdate | None = None) -> Any:
        """The answer for the next frame, given with its number and time."""
        check_image(frame.image)
        result, self._state = advance(frame, self.state, on_update, self._clock)
        self._observed = frame
        self.stats.processed += 1
        return result

    def take(self, item: Item, on_update: OnUpdate | None = None) -> Any | None:
        """Whatever a source hands out: a frame gives an answer, a failure or a gap gives None and is noted.

        After a gap longer than `max_gap_s` the next frame starts cold; its status tells the gap either way.
        """
        if isinstance(item, Failure):
            self.stats.failed += 1
            return None
        if isinstance(item, Gap):
            self._gap_s += item.seconds
            if item.seconds > self.state.options.max_gap_s:
                self.reset()
            return None
        self.stats.dropped += item.dropped_before
        result = self.step(item, on_update)
        gap_s, self._gap_s = self._gap_s, 0.0
        return replace(result, status=replace(result.status, gap_s=gap_s)) if gap_s else result

    def run(self, source: Any, on_update: OnUpdate | None = None) -> Iterator[Any]:
        """Answers for every frame of whatever `open_source` takes, as they come; `stats` accounts for the others."""
        with self._open_source(source) as items:
            for item in items:
                result = self.take(item, on_update)
                if result is not None:
                    yield result

    def observe(self, image: np.ndarray, time_s: float = 0.0) -> None:
        """By hand: take a new frame. Then `iterate` as often as there is time, `read` whenever an answer is wanted."""
        check_image(image)
        frame = Frame(image, self.stats.decoded, time_s)
        self._state = self.state.observe(frame, keep=self.state.options.start != StartFrom.ZEROS)
        self._observed = frame
        self.stats.processed += 1

    def iterate(self) -> None:
        """By hand: one step."""
        self.state.engine.iterate(self.state.rows)

    def read(self) -> Any:
        """The current answer, without a step. Its status says which frame it reflects and how many steps it had."""
        if self._observed is None:
            return self.state.engine.read([self.state.row])[0]
        return self.state.read(self._observed)

    def retune(self, iterations: int | None = None, start: str | None = None) -> None:
        """Change what is asked of the frames to come, in the middle of the video; None leaves a thing as it is.

        With one of the budgets, iterations is its cap. Broyden keeps the memory it began with: what it cannot
        hold it forgets and goes on.

        Raises:
            StreamdeqError: out of range; nothing is changed.
        """
        state = self.state
        options = replace(
            state.options,
            iterations=state.options.iterations if iterations is None else iterations,
            start=state.options.start if start is None else start,
        )
        budget = state.budget
        if iterations is not None:
            budget = options.budget(state.engine.solver.evaluations(iterations))
        self._state = replace(state, options=options, budget=budget)

    def reset(self) -> None:
        """Forget the past: the next frame starts from zeros."""
        for row in self.state.rows:
            self.state.engine.reset(row)

    def close(self) -> None:
        """Give the state's memory back."""
        if self._state is not None:
            for row in self._state.rows:
                self._state.engine.close(row)
        self._state = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def check_image(image: Any) -> None:
    """Raises StreamdeqError unless it is an (H, W, 3) uint8 array."""
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        what = f"{image.shape} {image.dtype}" if isinstance(image, np.ndarray) else type(image).__name__
        raise StreamdeqError(f"a frame must be an (H, W, 3) uint8 RGB array; got {what}")
