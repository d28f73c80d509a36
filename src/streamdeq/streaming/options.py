"""How a stream is run, as one value of plain types: what a user says, checked."""

from dataclasses import dataclass
from enum import StrEnum

from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown
from streamdeq.streaming.budget import AnswerTolerance, Budget, FixedBudget, ResidualTolerance
from streamdeq.streaming.cut import EXTRA, make_cut_policy
from streamdeq.streaming.timing import Deadline, TargetFps

#: Iterations that a budget may take at the most when the user names no number.
DEFAULT_CAP = 20
#: Working sizes above this are a slip of the finger: the latent alone would take gigabytes.
MAX_SIZE = 4320
#: Relative residual and evaluations that count as "solved to convergence" for the first frame of a reference start.
CONVERGED = ResidualTolerance(tolerance=1e-3, cap=100)


class StartFrom(StrEnum):
    """Where the solve of a frame begins."""

    PREVIOUS = "previous"  # the previous frame's answer, zeros before the first: Eq. 6 of the paper
    ZEROS = "zeros"  # every frame from scratch: the baseline
    REFERENCE = "reference"  # as previous, but the first frame is solved to convergence: Eq. 5


@dataclass(frozen=True)
class StreamOptions:
    """What a user may say about a stream.

    Args:
        iterations: per frame, in the paper's sense; what the weights suggest if None. With one of the three budgets
            below it is the most a frame gets, 20 if None.
        solver: `picard` (unrolled) or `broyden`; `picard+best` answers with the best point evaluated, `picard+free` one
            step beyond it. What the weights were trained for if None.
        start: `previous` (recycling), `zeros` (every frame from scratch) or `reference` (first frame converged).
        size: working size, the shorter side in pixels, or "native"; the model's own if None.
        tolerance: stop when the relative residual, or the share of the answer that a step changes, falls to this.
        tolerance_of: which of the two: `residual` or `answer`.
        budget_ms: milliseconds a frame may take from its arrival to its answer.
        target_fps: frames per second to keep up with.
        max_gap_s: a source that was away for longer starts cold when it is back.
        cuts: how shot changes are found: `none`, `residual` (what the solver measures anyway) or `picture`.
        on_cut: a new shot starts from `zeros`, or the solve goes on from the old one's state: `continue`.
        cut_iterations: steps that the first frame of a shot gets beyond its budget; none under a budget of time.
        patience: frames for which an instance without a box is still looked for where it was, before it is gone.
    """

    iterations: int | None = None
    solver: str | None = None
    start: str = StartFrom.PREVIOUS
    size: int | str | None = None
    tolerance: float | None = None
    tolerance_of: str = "residual"
    budget_ms: float | None = None
    target_fps: float | None = None
    max_gap_s: float = 2.0
    cuts: str = "none"
    on_cut: str = "continue"
    cut_iterations: int = EXTRA
    patience: int = 0

    def __post_init__(self) -> None:
        if self.iterations is not None and self.iterations < 1:
            raise StreamdeqError(f"iterations must be at least 1; got {self.iterations}")
        if self.start not in tuple(StartFrom):
            raise StreamdeqError(unknown("start", self.start, list(StartFrom)))
        if self.size not in (None, "native") and not (isinstance(self.size, int) and 1 <= self.size <= MAX_SIZE):
            raise StreamdeqError(f"size must be 1 to {MAX_SIZE} pixels or 'native'; got {self.size!r}")
        if self.tolerance_of not in ("residual", "answer"):
            raise StreamdeqError(unknown("tolerance_of", self.tolerance_of, ["residual", "answer"]))
        if self.patience < 0:
            raise StreamdeqError(f"patience must be at least 0 frames; got {self.patience}")
        make_cut_policy(self.cuts, self.on_cut, self.cut_iterations)
        given = {"tolerance": self.tolerance, "budget_ms": self.budget_ms, "target_fps": self.target_fps}
        named = [name for name, value in given.items() if value is not None]
        if len(named) > 1:
            raise StreamdeqError(
                f"one budget at a time: give either {' or '.join(named)}; iterations is the cap of each"
            )

    @property
    def dynamic(self) -> bool:
        """Whether a budget decides, so that `iterations` is a cap."""
        return any(value is not None for value in (self.tolerance, self.budget_ms, self.target_fps))

    def budget(self, evaluations: int) -> Budget:
        """The budget said, with `evaluations` applications of `f` as its number or cap."""
        if self.tolerance is not None:
            kind = ResidualTolerance if self.tolerance_of == "residual" else AnswerTolerance
            return kind(self.tolerance, evaluations)
        if self.budget_ms is not None:
            return Deadline(self.budget_ms / 1e3, evaluations)
        if self.target_fps is not None:
            return TargetFps(self.target_fps, evaluations)
        return FixedBudget(evaluations)
