"""`streamdeq run`: a video through a model, with what it says drawn on it."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from streamdeq.cli import options
from streamdeq.cli.progress import track
from streamdeq.cli.several import report_all
from streamdeq.cli.stopping import stop_signals
from streamdeq.cli.terminal import say
from streamdeq.cli.view import View, ViewPort, viewing
from streamdeq.errors import StreamdeqError
from streamdeq.running.options import RunOptions

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE…",
        help="A video file, - for a pipe, a folder of images, 'images/*.png', a camera's number, or an rtsp, http, tcp "
        "or udp URL. Of several, and of 'films/*.mp4', each gets a folder of its own.",
    ),
]


def run(
    sources: Sources,
    chosen: RunOptions,
    model: options.Model = options.DEFAULT_MODEL,
    save: options.Save = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    threads: options.Threads = None,
    view: View = False,
    view_port: ViewPort = None,
    quiet: options.Quiet = False,
) -> None:
    from streamdeq.api import load
    from streamdeq.running.several import sources_of
    from streamdeq.threads import use

    found = sources_of(sources)
    if found != sources[:1] and (view or view_port is not None):
        raise StreamdeqError("--view shows one source; for several at once: streamdeq serve CAMERAS.yaml")
    use(threads, spared=int("video" in chosen.write))  # drawing and encoding take a core, or much of one
    numbered = save is None and not chosen.overwrite
    chosen = replace(chosen, save=save or Path("runs/video"), numbered=numbered)
    with viewing(view, view_port) as monitor:
        loaded = load(model, device, precision)
        if found == sources[:1]:
            report(loaded, found[0], chosen, quiet=quiet, monitor=monitor)
        else:
            report_all(loaded, found, chosen, quiet=quiet)


def report(model: Any, source: Any, chosen: Any, *, quiet: bool, monitor: Any = None) -> None:
    """Run, show progress, say what came of it. The last line on stdout is the annotated video's path."""
    from streamdeq.running.memory import save_memory
    from streamdeq.running.run import Run

    work = Run(model, source, chosen, monitor)
    save_memory(work.source.size_hw)
    title = Path(str(work.source.name)).name
    if monitor is not None:
        monitor.begin(title, model.iterations(chosen.stream), chosen.stream.start, capped=chosen.stream.dynamic)
    with stop_signals(work.stop) as caught:
        try:
            with work.results() as results, track(title, work.total, quiet=quiet) as advance:
                for result in results:
                    advance(residual=result.status.residual)
        finally:
            if work.summary.answer_s.count:
                _summarise(work.summary)
    for path in reversed([path for path in work.paths.values() if path.exists()]):
        say(path)
    if caught:
        raise typer.Exit(128 + caught[0])
    if any(sink.lost for sink in work.summary.sinks):
        raise typer.Exit(1)
    if failed := work.summary.nonfinite:
        say(f"streamdeq: {failed} of {work.summary.processed} frames met numbers that are not finite", err=True)
        raise typer.Exit(1)


def _summarise(summary: Any) -> None:
    say(summary.account())
    if summary.note:
        say(f"note: {summary.note}")
    for sink in summary.sinks:
        say(sink.account())
    latency = ", ".join(f"{name} {ms:.1f}" for name, ms in summary.latency_ms().items())
    say(f"frame to answer (ms): {latency}; {summary.nfe.mean:.1f} applications of f per frame")
    stages = ", ".join(f"{name} {ms:.1f}" for name, ms in summary.stage_ms().items())
    say(f"where the time went (median ms per frame): {stages}")
