"""One frame of a stream: observed, iterated as its budget says and as a cut asks, read.

`advance` is the functional core: (frame, state) → (result, state). `FrameSolve` is the same by hand, step by step.
"""

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter
from typing import Any, TypeVar

from streamdeq.streaming.budget import Budget, FixedBudget, Progress
from streamdeq.streaming.cut import Evidence
from streamdeq.streaming.engine import Row, status_of
from streamdeq.streaming.loop import run_steps
from streamdeq.streaming.regions import together
from streamdeq.streaming.state import StreamState
from streamdeq.values.frame import Frame
from streamdeq.values.status import Status, Stop

R = TypeVar("R")
#: Called with the answer after every step of a frame.
OnUpdate = Callable[[R], None]
Clock = Callable[[], float]


def advance(
    frame: Frame, state: StreamState, on_update: OnUpdate[Any] | None = None, clock: Clock = perf_counter
) -> tuple[Any, StreamState]:
    """One frame: observe, iterate as the budget says, read. The state given is consumed.

    Args:
        on_update: gets the answer after every step, the last one included: act on the first, refine later.
        clock: seconds, for budgets that keep to time.
    """
    solve = FrameSolve(frame, state, on_update, clock)
    return solve.run(), solve.remembered(solve.state)


class FrameSolve:
    """The solve of one frame while it goes on. Arguments as `advance` has them.

    `state` is that with the frame in its rows; `remembered` adds what was learnt from it.
    """

    def __init__(
        self, frame: Frame, state: StreamState, on_update: OnUpdate[Any] | None = None, clock: Clock = perf_counter
    ) -> None:
        self._frame, self._on_update, self._clock = frame, on_update, clock
        self._began = clock()
        self.state, long = state.observe(frame)
        state, self._engine = self.state, state.engine
        self._rows, self._budget = self._begin(long)
        self._memory, self._seen = state.value, state.seen
        self._steps = self._extra = 0
        self._stopped: Stop | None = None
        self._answer: Any = None
        self._compared: Any = None
        self._step_s = self._head_s = 0.0

    def run(self) -> Any:
        """Steps until the budget names a reason not to; the answer."""
        while self.step() is None:
            pass
        return self.read()

    def step(self) -> Stop | None:
        """One step more; why the frame gets no further one, or None if it does."""
        began = self._clock()
        run_steps(self._engine, self._rows, 1, read=())
        if self._budget.timed:
            self._engine.functions.wait()
        self._step_s = self._clock() - began
        self._steps += 1
        if self._on_update is not None:
            self._on_update(self._current())
        if not self._rows:
            self._stopped = Stop.ITERATIONS  # there is nothing to look at
        elif self._steps == 1:
            self._look_for_cut()
        if self._stopped is not None:
            self._extra = max(0, self._extra - 1)
        elif self._rows[0].evaluations:  # none if a cut made the solve begin anew
            self._stopped = self._budget.stop(self.state.value, self._progress())
        return self._verdict

    def read(self) -> Any:
        """The answer as it stands; what it cost is remembered."""
        began = self._clock()
        result = self._current()
        self._head_s = max(self._clock() - began, result.status.read_s)
        if self._steps:
            self._memory = self._budget.update(self.state.value, self._progress())
        for row in self._rows:
            row.status = replace(status_of(row), stopped=self._verdict)
        return replace(result, status=replace(result.status, stopped=self._verdict))

    def remembered(self, state: StreamState) -> StreamState:
        """With what budget and cut detector have learnt from this frame."""
        return replace(state, value=self._memory, seen=self._seen)

    def _begin(self, long: list[Row]) -> tuple[list[Row], Budget]:
        """The rows to step and how long, where those of `long` are to be solved to the reference."""
        state, evaluations = self.state, self.state.reference.evaluations
        if long and len(long) < len(state.rows):  # instances that are new in a frame with others
            run_steps(self._engine, long, evaluations, read=())
            for row in long:
                row.status = replace(status_of(row), stopped=Stop.ITERATIONS)
            return [row for row in state.rows if not any(row is one for one in long)], state.budget
        return state.rows, FixedBudget(evaluations) if long else state.budget

    @property
    def _verdict(self) -> Stop | None:
        return None if self._extra else self._stopped

    @property
    def _status(self) -> Status:
        """Of the frame: of its row, or of all of them."""
        statuses = [row.status for row in self._rows if row.status is not None]
        return statuses[0] if len(statuses) == 1 else together(statuses, self._frame.index, self._frame.time_s)

    def _look_for_cut(self) -> None:
        cuts = self.state.cuts
        evidence = Evidence(self._frame.image, self._status.start, self._residual)
        self._seen, is_cut = cuts.detector.update(self.state.seen, evidence)
        if not is_cut:
            return
        if not self._budget.timed:
            for row in self._rows:
                self._engine.extend(row, self.state.after_cut)
        cuts.response.begin(self._restart)
        self._answer = None
        for row in self._rows:
            row.status = replace(status_of(row), cut=True)
        self._extra = 0 if self._budget.timed else cuts.response.extra

    def _restart(self) -> None:
        for row in self._rows:
            self._engine.restart(row)

    def _progress(self) -> Progress:
        return Progress(
            nfe=self._rows[0].evaluations if self._rows else 0,  # all rows of a frame have the same number
            elapsed_s=self._clock() - self._began,
            step_s=self._step_s,
            head_s=self._head_s,
            residual=self._residual,
            change=self._change,
        )

    def _current(self) -> Any:
        """The answer as it stands, decoded once per step however often it is asked for."""
        if self._answer is None or self._answer.status.nfe != self._status.nfe:
            self._answer = self.state.read(self._frame)
        return self._answer

    def _residual(self) -> float:
        """The worst of the rows'."""
        return max(self._engine.residual(row) for row in self._rows)

    def _change(self) -> float:
        """How much the last step changed, 0–1; all of it for the first."""
        before, self._compared = self._compared, self._current()
        return 1.0 if before is None else self._compared.change_from(before)
