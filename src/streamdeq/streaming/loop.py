"""The frame loop: rows observe new frames, iterate, and their answers are read.

Everything that runs a model over frames goes through it: the measurements, which ask for a number of evaluations, and
a stream's frame, whose budget asks after every step (`advance.FrameSolve`). So many iterations in the paper's sense are
`engine.solver.evaluations(iterations)`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from streamdeq.streaming.engine import Engine, Row
from streamdeq.values.frame import Frame
from streamdeq.values.geometry import Window

#: Called with the number of steps taken: 0 once the frames are observed, then after every step.
OnStep = Callable[[int], None]


def run_frames(
    engine: Engine,
    rows: Sequence[Row],
    frames: Sequence[Frame],
    evaluations: int,
    *,
    windows: Sequence[Window] | None = None,
    keep: bool = True,
    read: Sequence[Row] | None = None,
    on_step: OnStep | None = None,
) -> list[Any]:
    """One frame for each row: observe, iterate, read.

    Args:
        evaluations: applications of `f` for every row.
        windows, keep: as `Engine.observe` has them.
        read: the rows whose answers are wanted; () for none, None for all.
        on_step: for progress, or for a clock that times the stages.

    Returns:
        The answers, in the order of `read`. `run_steps` goes on from there.
    """
    engine.observe(rows, frames, windows=windows, keep=keep)
    if on_step is not None:
        on_step(0)
    return run_steps(engine, rows, evaluations, read=read, on_step=on_step)


def run_steps(
    engine: Engine,
    rows: Sequence[Row],
    evaluations: int,
    *,
    read: Sequence[Row] | None = None,
    on_step: OnStep | None = None,
) -> list[Any]:
    """More steps for the frames that the rows have: iterate, read. Arguments and answers as in `run_frames`."""
    for taken in range(1, evaluations + 1):
        engine.iterate(rows)
        if on_step is not None:
            on_step(taken)
    wanted = rows if read is None else read
    return engine.read(wanted) if wanted else []


def run_clip(
    engine: Engine,
    row: Row,
    frames: Iterable[Frame],
    evaluations: int,
    *,
    windows: Iterable[Window] | None = None,
    keep: bool = True,
    first: int | None = None,
    skip: int = 0,
) -> Iterator[Any]:
    """The answers of one row for a clip's frames, one after another, as they are asked for.

    Args:
        evaluations: applications of `f` for a frame.
        windows: what is seen of each frame; None for all of it.
        keep: false to start every frame from zeros.
        first: applications of `f` for the first frame, where it is to have others than the rest.
        skip: frames at the beginning that are computed and not read.
    """
    window = iter(windows) if windows is not None else None
    for n, frame in enumerate(frames):
        number = first if first is not None and n == 0 else evaluations
        seen = None if window is None else [next(window)]
        yield from run_frames(engine, [row], [frame], number, windows=seen, keep=keep, read=None if n >= skip else ())
