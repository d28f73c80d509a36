"""What `streamdeq run` says of several sources: progress of all, an account of each, and which ones failed."""

from pathlib import Path
from typing import Any

import typer

from streamdeq.cli.board import board
from streamdeq.cli.stopping import stop_signals
from streamdeq.cli.terminal import say


def report_all(model: Any, sources: list[str], chosen: Any, *, quiet: bool) -> None:
    """Run them all. The last lines on stdout are the paths of what was written, a source after the other.

    Raises:
        StreamdeqError: nothing could be done about any of them.
    """
    from streamdeq.running.memory import save_memory
    from streamdeq.running.several import Runs

    work = Runs(model, sources, chosen)
    save_memory(None)
    with stop_signals(work.stop) as caught:
        try:
            with board(len(work.parts), quiet=quiet) as progress:
                for told in work.results():
                    if told.what == "begun":
                        progress.begin(told.part, Path(told.part.label).name, told.total)
                    elif told.what == "frame":
                        progress.advance(told.part, residual=told.residual)
                    else:
                        progress.end(told.part)
        finally:
            _summarise(work)
    done = [part.run for part in work.parts if part.run is not None]
    for run in done:
        for path in reversed([path for path in run.paths.values() if path.exists()]):
            say(path)
    problems = [part for part in work.parts if part.problem is not None]
    told = {str(problem): problem for part in problems if (problem := part.problem) is not None}
    if len(told) == 1 and len(problems) == len(work.parts):
        raise next(iter(told.values()))  # of an option, most likely
    for part in problems:
        say(f"streamdeq: {part.label}: {' '.join(str(part.problem).split())}", err=True)
    if caught:
        raise typer.Exit(128 + caught[0])
    if len(problems) == len(work.parts):
        raise typer.Exit(2)
    if problems or any(run.summary.nonfinite or any(sink.lost for sink in run.summary.sinks) for run in done):
        raise typer.Exit(1)


def _summarise(work: Any) -> None:
    """A line for each that gave answers, and one for all."""
    begun = [part for part in work.parts if part.run is not None and part.run.summary.processed]
    for part in begun:
        summary = part.run.summary
        say(f"{part.label}: {summary.account()}")
        for note in filter(
            None,
            (summary.note, f"{summary.nonfinite} frames met numbers that are not finite" * bool(summary.nonfinite)),
        ):
            say(f"{part.label}: note: {note}")
        for sink in summary.sinks:
            say(f"{part.label}: {sink.account()}")
    frames = sum(part.run.summary.processed for part in begun)
    rate = f", {frames / work.seconds:.1f} fps" if work.seconds else ""
    say(f"{len(begun)} of {len(work.parts)} sources, {frames} frames processed, {work.seconds:.1f} s{rate}")
