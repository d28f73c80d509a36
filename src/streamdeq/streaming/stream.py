"""One video: frames in, answers out, the state kept between calls."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from time import perf_counter
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import numpy as np
from torch import Tensor

from streamdeq.errors import StreamdeqError, memory_errors
from streamdeq.pictures import as_rgb
from streamdeq.streaming.advance import Clock, FrameSolve, OnUpdate
from streamdeq.streaming.state import StreamState
from streamdeq.values.frame import Failure, Frame, Gap, Item
from streamdeq.values.status import Stop

#: A task's answer.
R = TypeVar("R")
#: From an answer and its frame to the answer as the user gets it.
Finish = Callable[[R, Frame], R]
#: Turns what `Stream.run` is given into a source of frames.
OpenSource = Callable[[Any], AbstractContextManager[Iterable[Item]]]


@dataclass
class Stats:
    """Every frame of a run, to the frame: decoded = processed + dropped + failed."""

    processed: int = 0
    dropped: int = 0
    failed: int = 0

    @property
    def decoded(self) -> int:
        return self.processed + self.dropped + self.failed


class Stream(Generic[R]):
    """One video. Call it with frames, or let `run` take them from a source. Use it as a context manager.

    Args:
        state: where to begin.
        open_source: for `run`.
        clock: seconds, for budgets that keep to time.
        finish: has the last word on every answer.
    """

    def __init__(
        self,
        state: StreamState,
        open_source: OpenSource,
        clock: Clock = perf_counter,
        finish: Finish[R] = lambda result, frame: result,
    ) -> None:
        self.stats = Stats()
        self._finish = finish
        self._frame: Frame | None = None
        self._open_source = open_source
        self._clock = clock
        self._gap_s = 0.0
        self._solve: FrameSolve | None = None
        self._state: StreamState | None = state

    @property
    def state(self) -> StreamState:
        """What the stream carries; `clone` it to keep it."""
        if self._state is None:
            raise StreamdeqError("this stream is closed; make a new one with model.stream()")
        return self._state

    def __call__(self, image: Any, time_s: float = 0.0, on_update: OnUpdate[R] | None = None) -> R:
        """The answer for the next frame, (H, W, 3) uint8 RGB, or what `pictures.as_rgb` makes that of.

        Raises:
            StreamdeqError: no picture, or the stream is closed.
        """
        return self.step(Frame(as_rgb(image), self.stats.decoded, time_s), on_update)

    @memory_errors()
    def step(self, frame: Frame, on_update: OnUpdate[R] | None = None) -> R:
        """The answer for the next frame, given with its number and time."""
        solve = self._begin(frame, on_update)
        result = solve.run()
        self._state = solve.remembered(self.state)
        return self._finish(result, frame)

    def take(self, item: Item, on_update: OnUpdate[R] | None = None) -> R | None:
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
        result: Any = self.step(item, on_update)
        gap_s, self._gap_s = self._gap_s, 0.0
        return replace(result, status=replace(result.status, gap_s=gap_s)) if gap_s else result

    def run(self, source: Any, on_update: OnUpdate[R] | None = None) -> Iterator[R]:
        """Answers for every frame of whatever `open_source` takes, as they come; `stats` accounts for the others."""
        with self._open_source(source) as items:
            for item in items:
                result = self.take(item, on_update)
                if result is not None:
                    yield result

    @memory_errors()
    def observe(self, image: Any, time_s: float = 0.0) -> None:
        """By hand: take a new frame. Then `iterate` as often as there is time, `read` whenever an answer is wanted."""
        self._begin(Frame(as_rgb(image), self.stats.decoded, time_s))

    @memory_errors()
    def iterate(self) -> Stop | None:
        """By hand: one step. Why the frame's budget wants no further one, or None as long as it does."""
        state = self.state
        if self._solve is None:
            raise StreamdeqError("this stream has not seen a frame yet: observe one before iterating")
        stopped = self._solve.step()
        self._state = self._solve.remembered(state)
        return stopped

    @memory_errors()
    def read(self) -> R:
        """The current answer, without a step. Its status says which frame it reflects and how many steps it had."""
        state = self.state
        if self._solve is None:
            return state.engine.read([state.row])[0]
        result = self._solve.read()
        self._state = self._solve.remembered(state)
        return result if self._frame is None else self._finish(result, self._frame)

    @property
    def latent(self) -> dict[str, Tensor]:
        """The representation that the current answer is read from, without a step: a float32 copy per scale.

        `stride_4` is (N, C, H, W) with a pixel for 4×4 of the canvas, the frame as the model sees it, padded to whole
        pixels of the lowest scale; then `stride_8` and so on. N is 1, or the instances that are followed, in the order
        of their numbers.

        Raises:
            StreamdeqError: no frame has been seen, or it shows no instance.
        """
        state = self.state
        if not state.rows:
            raise StreamdeqError("this frame shows no instance that is followed: there is no latent")
        z = state.engine.latent(state.rows)
        return {f"stride_{4 << n}": maps.float() for n, maps in enumerate(z.maps)}

    def _begin(self, frame: Frame, on_update: OnUpdate[R] | None = None) -> FrameSolve:
        check_image(frame.image)
        told = on_update and (lambda result: on_update(self._finish(result, frame)))
        self._solve = solve = FrameSolve(frame, self.state, told, self._clock)
        self._frame = frame  # held until the next one: what its answers are drawn on
        self._state = solve.state
        self.stats.processed += 1
        return solve

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
        self._state = self._solve = self._frame = None

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
