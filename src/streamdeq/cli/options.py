"""Option types that several commands share, each with its check. Knows typer; knows no model and no room.

Checks raise `StreamdeqError` and name the option, so that the one line says what was expected and what came.
Names that only a registry can know (models, solvers) stay text and are checked where they are looked up.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer

from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

DEFAULT_MODEL = "camvid-s"


def at_least(least: int, option: str) -> Callable[[str], int]:
    """A reader of whole numbers ≥ `least`."""

    def read(text: str | int) -> int:
        number = _whole(str(text))
        if number is None or number < least:
            raise StreamdeqError(f"{option}: expected a whole number of at least {least}, got '{text}'")
        return number

    return read


def counts(least: int, option: str) -> Callable[[str], tuple[int, ...]]:
    """A reader of `1,2,4`: whole numbers ≥ `least`, in the given order, each once."""

    def read(text: str | Sequence[int]) -> tuple[int, ...]:
        parts = text.split(",") if isinstance(text, str) else [str(number) for number in text]
        numbers = [_whole(part) for part in parts]
        good = [number for number in numbers if number is not None and number >= least]
        if len(good) < len(numbers) or len(set(good)) < len(good):
            what = f"different whole numbers of at least {least}, separated by commas"
            raise StreamdeqError(f"{option}: expected {what}, got '{text}'")
        return tuple(good)

    return read


def choice(option: str, names: Sequence[str]) -> Callable[[str], str]:
    """A reader of one of `names`."""

    def read(text: str) -> str:
        if text not in names:
            raise StreamdeqError(f"{option}: {unknown('value', text, list(names))}")
        return text

    return read


def choices(option: str, names: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """A reader of `video,jsonl`: some of `names`, separated by commas, in the order of `names`."""
    one = choice(option, names)

    def read(text: str | Sequence[str]) -> tuple[str, ...]:
        parts = text.split(",") if isinstance(text, str) else text
        given = {one(part.strip()) for part in parts}
        return tuple(name for name in names if name in given)

    return read


def working_size(text: str | int) -> int | Literal["native"]:
    """The reader of `--size`: the shorter side in pixels, or the frame's own size."""
    number = _whole(str(text))
    if text == "native":
        return "native"
    if number is None or number < 1:
        raise StreamdeqError(f"--size: expected the shorter side in pixels or 'native', got '{text}'")
    return number


def _whole(text: str) -> int | None:
    return int(text) if text.strip().removeprefix("-").isdecimal() else None


DeviceName = Literal["auto", "cpu", "cuda"]
PrecisionName = Literal["auto", "fp32", "bf16"]
StartName = Literal["previous", "zeros", "reference"]

Model = Annotated[str, typer.Option("--model", "-m", metavar="NAME|FILE", help="A packaged model, or a weights file.")]
Iterations = Annotated[
    int | None,
    typer.Option(
        "--iterations",
        "-n",
        metavar="N",
        parser=at_least(1, "--iterations"),
        help="Solver iterations per frame, in the paper's sense; default: the model's.",
    ),
]
IterationCounts = Annotated[
    Sequence[int],
    typer.Option(
        "--iterations",
        "-n",
        metavar="N,N,…",
        parser=counts(1, "--iterations"),
        help="Iteration counts to try.",
    ),
]
Solver = Annotated[str | None, typer.Option("--solver", metavar="NAME", help="Default: the model's.")]
Start = Annotated[
    StartName,
    typer.Option(
        "--start",
        metavar="|".join(get_args(StartName)),
        parser=choice("--start", get_args(StartName)),
        help="Where a frame starts: the last frame's result, zeros, or a first frame solved to the end.",
    ),
]
Data = Annotated[str, typer.Option("--data", metavar="DIR|synthetic", help="The data set.")]
Split = Annotated[str, typer.Option("--split", metavar="NAME", help="The part of it to score.")]
Resamples = Annotated[
    int,
    typer.Option(
        "--resamples",
        metavar="N",
        parser=at_least(0, "--resamples"),
        help="Resamples the intervals are drawn from; 0 for no intervals.",
    ),
]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print the table as Markdown.")]
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write JSON as well.")]
# An int, "native" or None: typer reads unions only with None, so the type is said here.
Size = Annotated[
    Any,
    typer.Option(
        "--size",
        metavar="N|native",
        parser=working_size,
        help="Shorter side to compute at; default: the model's.",
    ),
]
Device = Annotated[
    DeviceName,
    typer.Option(
        "--device",
        metavar="|".join(get_args(DeviceName)),
        parser=choice("--device", get_args(DeviceName)),
        help="Where to compute.",
    ),
]
Precision = Annotated[
    PrecisionName,
    typer.Option(
        "--precision",
        metavar="|".join(get_args(PrecisionName)),
        parser=choice("--precision", get_args(PrecisionName)),
        help="Arithmetic inside the network; auto is bf16 where the processor has it.",
    ),
]
Tolerance = Annotated[
    float | None,
    typer.Option(
        "--tolerance", metavar="X", help="Stop a frame when its residual falls to this; iterations is the cap."
    ),
]
ToleranceOf = Annotated[
    str,
    typer.Option(
        "--tolerance-of",
        metavar="residual|answer",
        parser=choice("--tolerance-of", ("residual", "answer")),
        help="What --tolerance is about: the residual, or the share of the answer a step changes.",
    ),
]
BudgetMs = Annotated[
    float | None,
    typer.Option("--budget-ms", metavar="MS", help="Milliseconds a frame may take; iterations is the cap."),
]
TargetFps = Annotated[
    float | None,
    typer.Option("--target-fps", metavar="FPS", help="Frame rate to keep up with; iterations is the cap."),
]
Cuts = Annotated[
    Any,
    typer.Option(
        "--cuts",
        metavar="none|residual|picture",
        parser=choice("--cuts", ("none", "residual", "picture")),
        help="How shot changes are found; picture needs the extra 'cut'.",
    ),
]
OnCut = Annotated[
    Any,
    typer.Option(
        "--on-cut",
        metavar="continue|zeros",
        parser=choice("--on-cut", ("continue", "zeros")),
        help="A new shot's solve goes on from the old one's state, or starts from zeros.",
    ),
]
CutIterations = Annotated[
    int,
    typer.Option(
        "--cut-iterations",
        metavar="N",
        parser=at_least(0, "--cut-iterations"),
        help="Extra iterations for the first frame of a shot.",
    ),
]
Policy = Annotated[
    Any,
    typer.Option(
        "--policy",
        metavar="latest|every",
        parser=choice("--policy", ("latest", "every")),
        help="Of a live source: the freshest frame, or every one; what is dropped is counted.",
    ),
]
MaxStaleness = Annotated[
    float | None,
    typer.Option("--max-staleness", metavar="S", help="Drop frames of a live source that arrived longer ago."),
]
MaxGap = Annotated[
    float,
    typer.Option("--max-gap", metavar="S", help="A live source that was away for longer starts from zeros."),
]
Patience = Annotated[
    int,
    typer.Option(
        "--patience",
        metavar="N",
        parser=at_least(0, "--patience"),
        help="Frames for which an instance that lost its box is still looked for where it was.",
    ),
]
Save = Annotated[Path | None, typer.Option("--save", metavar="DIR", help="Folder for what is written.")]
MaxFrames = Annotated[
    int | None,
    typer.Option("--max-frames", metavar="N", parser=at_least(1, "--max-frames"), help="Stop after this many frames."),
]
MaxPixels = Annotated[
    int | None,
    typer.Option(
        "--max-pixels",
        metavar="N",
        parser=at_least(1, "--max-pixels"),
        help="Larger pictures are not decoded; default: 8192 x 4320.",
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", metavar="N", parser=at_least(0, "--seed"), help="Seed of everything random.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress; errors and results only.")]
