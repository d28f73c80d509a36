"""One video as a loop over the engine's verbs. Knows no file format: whoever builds a stream says how to open one.

`advance` is the functional core: (frame, state) → (result, state); `Stream` keeps the state between calls.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any, Protocol, Self

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.frame import Failure, Frame
from streamdeq.streaming.budget import Budget, Converged, Progress
from streamdeq.streaming.engine import Engine, Row
from streamdeq.streaming.status import Start


class StartFrom(StrEnum):
    """Where the solve of a frame begins."""

    PREVIOUS = "previous"  # the previous frame's answer, zeros before the first: Eq. 6 of the paper
    ZEROS = "zeros"  # every frame from scratch: the baseline
    REFERENCE = "reference"  # as previous, but the first frame is solved to convergence: Eq. 5


@dataclass(frozen=True)
class Policies:
    """What decides how a stream runs. Values, shared by any number of streams."""

    start: StartFrom
    budget: Budget
    reference: Budget = field(default_factory=Converged)


@dataclass(eq=False)
class StreamState:
    """All that a stream carries from one frame to the next."""

    row: Row
    budget: Any


def advance(engine: Engine, policies: Policies, frame: Frame, state: StreamState) -> tuple[Any, StreamState]:
    """One frame: observe, iterate as the budget says, read. The state given is consumed."""
    row = state.row
    engine.observe([row], [frame], keep=policies.start is not StartFrom.ZEROS)
    cold = row.status is not None and row.status.start is Start.COLD
    budget = policies.reference if cold and policies.start is StartFrom.REFERENCE else policies.budget
    progress = Progress(0, lambda: engine.residual(row))
    while progress.nfe == 0 or budget.more(state.budget, progress):
        engine.iterate([row])
        progress = Progress(row.evaluations, progress.residual)
    [result] = engine.read([row])
    return result, StreamState(row, budget.update(state.budget, progress))


@dataclass
class Stats:
    """Every frame of a run, to the frame: decoded = processed + failed."""

    processed: int = 0
    failed: int = 0

    @property
    def decoded(self) -> int:
        return self.processed + self.failed


class Source(Protocol):
    """What `open_source` gives."""

    def __enter__(self) -> Iterable[Frame | Failure]: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Stream:
    """One video. Call it with frames, or let `run` take them from a source. Use it as a context manager.

    Args:
        engine: where the row lives; streams that share one are batched by whoever iterates them together.
        policies: start and budget.
        open_source: turns what `run` is given into a source of frames.
    """

    def __init__(self, engine: Engine, policies: Policies, open_source: Callable[[Any], Source]) -> None:
        self.engine = engine
        self.policies = policies
        self.stats = Stats()
        self._open_source = open_source
        self._state: StreamState | None = StreamState(engine.open(), policies.budget.init())

    def __call__(self, image: np.ndarray, time_s: float = 0.0) -> Any:
        """The answer for the next frame, (H, W, 3) uint8 RGB.

        Raises:
            StreamdeqError: an array of another shape or type, or the stream is closed.
        """
        return self.step(Frame(image, self.stats.decoded, time_s))

    def step(self, frame: Frame) -> Any:
        """The answer for the next frame, given with its number and time."""
        check_image(frame.image)
        result, self._state = advance(self.engine, self.policies, frame, self._open())
        self.stats.processed += 1
        return result

    def run(self, source: Any) -> Iterator[Any]:
        """Answers for every frame of a path or an iterable of arrays, as they come. Failed frames are counted."""
        with self._open_source(source) as frames:
            for frame in frames:
                if isinstance(frame, Failure):
                    self.stats.failed += 1
                else:
                    yield self.step(frame)

    def read(self) -> Any:
        """The current answer once more, without a step."""
        return self.engine.read([self._open().row])[0]

    def reset(self) -> None:
        """Forget the past: the next frame starts from zeros."""
        self.engine.reset(self._open().row)

    def close(self) -> None:
        """Give the state's memory back."""
        if self._state is not None:
            self.engine.close(self._state.row)
        self._state = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> StreamState:
        if self._state is None:
            raise StreamdeqError("this stream is closed; make a new one with model.stream()")
        return self._state


def check_image(image: Any) -> None:
    """Raises StreamdeqError unless it is an (H, W, 3) uint8 array."""
    if not isinstance(image, np.ndarray) or image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        what = f"{image.shape} {image.dtype}" if isinstance(image, np.ndarray) else type(image).__name__
        raise StreamdeqError(f"a frame must be an (H, W, 3) uint8 RGB array; got {what}")
