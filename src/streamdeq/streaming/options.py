"""How a stream is run, as one value of plain types: what a user says, checked."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, TypedDict

from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown
from streamdeq.streaming.budget import EXTRA, AnswerTolerance, Budget, FixedBudget, ResidualTolerance
from streamdeq.streaming.timing import Deadline, TargetFps
from streamdeq.values.numbers import check_number

#: Iterations that a budget may take at the most when the user names no number.
DEFAULT_CAP = 20
#: Working sizes above this are a slip of the finger: the latent alone would take gigabytes.
MAX_SIZE = 4320


class StartFrom(StrEnum):
    """Where the solve of a frame begins; a reference is what the model's own long solve from zeros gives."""

    PREVIOUS = "previous"  # the previous frame's answer, zeros before the first: Eq. 6 of the paper
    REFERENCE = "reference"  # as previous, but the first frame is solved to the reference: Eq. 5
    REFERENCE_EACH = "reference-each"  # the reference of the previous frame: Eq. 4
    ZEROS = "zeros"  # every frame from scratch: the baseline
    OTHER = "other"  # as previous, but before the first frame was the reference of another video's: Figs 21, 22


StartName = Annotated[
    StartFrom,
    Option(
        "Where a frame starts: the last result; the same after a first frame solved to the reference; the last "
        "frame's reference; zeros; the last result after another video's reference."
    ),
]
#: Where the picture comes from that the start `other` begins from.
StartSource = Annotated[
    str | None,
    Option(
        "Of --start other: the data set, or for a run a video or pictures, that a random frame is taken from.",
        metavar="DATA",
    ),
]
SolverName = Annotated[str | None, Option("Default: the model's.", metavar="NAME")]
#: The shorter side in pixels; the model's own if None.
WorkingSize = Annotated[
    int | Literal["native"] | None,
    Option(
        "Shorter side to compute at; default: the model's.",
        metavar="N|native",
        least=1,
        expects="the shorter side in pixels or 'native'",
    ),
]
RuntimeName = Annotated[
    str,
    Option(
        "What computes the model: eager is torch, auto the fastest that is found on this machine.",
        metavar="eager|auto|compiled|onnx|openvino|cuda-graph|cuda-fused",
    ),
]


@dataclass(frozen=True)
class StreamOptions:
    """What a user may say about a stream; each field with the help of its command-line option.

    With a tolerance, a budget or a target rate, `iterations` is the most a frame gets, 20 if None; without, what it
    gets, which the weights suggest if None. A tolerance is of the relative residual or of the share of the answer that
    a step changes. `budget_ms` runs from a frame's arrival to its answer.
    """

    iterations: Annotated[
        int | None,
        Option("Solver iterations per frame, in the paper's sense; default: the model's.", short="-n", least=1),
    ] = None
    solver: SolverName = None
    start: StartName = StartFrom.PREVIOUS
    size: WorkingSize = None
    tolerance: Annotated[
        float | None, Option("Stop a frame when its residual falls to this; iterations is the cap.")
    ] = None
    tolerance_of: Annotated[
        Literal["residual", "answer"],
        Option("What --tolerance is about: the residual, or the share of the answer a step changes."),
    ] = "residual"
    budget_ms: Annotated[
        float | None, Option("Milliseconds a frame may take; iterations is the cap.", metavar="MS")
    ] = None
    target_fps: Annotated[float | None, Option("Frame rate to keep up with; iterations is the cap.", metavar="FPS")] = (
        None
    )
    max_gap_s: Annotated[
        float, Option("A live source that was away for longer starts from zeros.", name="max_gap", metavar="S")
    ] = 2.0
    cuts: Annotated[
        Literal["none", "residual", "picture"],
        Option("How shot changes are found; picture needs the extra 'cut'."),
    ] = "none"
    on_cut: Annotated[
        Literal["continue", "zeros"],
        Option("A new shot's solve goes on from the old one's state, or starts from zeros."),
    ] = "continue"
    cut_iterations: Annotated[int, Option("Extra iterations for the first frame of a shot.", least=0)] = EXTRA
    patience: Annotated[
        int, Option("Frames for which an instance that lost its box is still looked for where it was.", least=0)
    ] = 0
    runtime: RuntimeName = "eager"

    def __post_init__(self) -> None:
        from streamdeq.streaming.cut import make_cut_policy  # numpy, which the command line's --help does without

        if self.iterations is not None:
            check_number("iterations", self.iterations, whole=True, least=1)
        check_number("max_gap_s", self.max_gap_s, least=0)
        check_number("cut_iterations", self.cut_iterations, whole=True)
        if self.start not in tuple(StartFrom):
            raise StreamdeqError(unknown("start", self.start, list(StartFrom)))
        if self.size not in (None, "native") and not (type(self.size) is int and 1 <= self.size <= MAX_SIZE):
            raise StreamdeqError(f"size must be 1 to {MAX_SIZE} pixels or 'native'; got {self.size!r}")
        if self.tolerance_of not in ("residual", "answer"):
            raise StreamdeqError(unknown("tolerance_of", self.tolerance_of, ["residual", "answer"]))
        check_number("patience", self.patience, whole=True)
        if self.patience < 0:
            raise StreamdeqError(f"patience must be at least 0 frames; got {self.patience}")
        make_cut_policy(str(self.cuts), str(self.on_cut), self.cut_iterations)
        given = {"tolerance": self.tolerance, "budget_ms": self.budget_ms, "target_fps": self.target_fps}
        named = [name for name, value in given.items() if value is not None]
        if len(named) > 1:
            raise StreamdeqError(
                f"one budget at a time: give either {' or '.join(named)}; iterations is the cap of each"
            )
        for name in named:
            check_number(name, given[name])
        self.budget(1)  # says what is out of its range

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


class Options(TypedDict, total=False):
    """The fields of `StreamOptions` besides `iterations`, as keywords."""

    solver: str | None
    start: str
    size: int | str | None
    tolerance: float | None
    tolerance_of: str
    budget_ms: float | None
    target_fps: float | None
    max_gap_s: float
    cuts: str
    on_cut: str
    cut_iterations: int
    patience: int
    runtime: str
