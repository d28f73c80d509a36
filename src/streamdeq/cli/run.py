"""`streamdeq run`: a video through a model, with what it says drawn on it. Knows how a run is told to a person."""

from pathlib import Path
from typing import Annotated, Any

import typer

from streamdeq.cli import options
from streamdeq.cli.progress import track
from streamdeq.cli.stopping import stop_signals
from streamdeq.cli.view import View, ViewPort, viewing

WRITE = ("video", "jsonl", "png", "mot")

Source = Annotated[
    str,
    typer.Argument(
        metavar="SOURCE",
        help="A video file, - for a pipe, a folder of images, 'images/*.png', a camera's number, or an rtsp, http, tcp "
        "or udp URL.",
    ),
]
Write = Annotated[
    Any,
    typer.Option(
        "--write",
        metavar=",".join(WRITE),
        parser=options.choices("--write", WRITE),
        help="What goes into --save.",
    ),
]
Conf = Annotated[
    float | None,
    typer.Option(
        "--conf", metavar="X", help="Detections (of --boxes, too): the least score, 0-1, to show; default 0.5."
    ),
]
Classes = Annotated[
    str | None, typer.Option("--classes", metavar="NAME,NAME,…", help="Detections: these classes alone.")
]
Track = Annotated[bool, typer.Option("--track", help="Detections: ids that last over frames; needs the extra 'track'.")]
Compare = Annotated[
    bool, typer.Option("--compare", help="Side by side: from scratch with the same iterations | streaming.")
]
Boxes = Annotated[
    str | None,
    typer.Option(
        "--boxes",
        metavar="FILE|MODEL|labels|frame",
        help="Where the instances are, for poses: boxes in JSON, a detector, the labels of the data set that holds the "
        "source, or the whole frame (the default).",
    ),
]


def run(
    source: Source,
    model: options.Model = options.DEFAULT_MODEL,
    iterations: options.Iterations = None,
    solver: options.Solver = None,
    start: options.Start = "previous",
    size: options.Size = None,
    tolerance: options.Tolerance = None,
    tolerance_of: options.ToleranceOf = "residual",
    budget_ms: options.BudgetMs = None,
    target_fps: options.TargetFps = None,
    cuts: options.Cuts = "none",
    on_cut: options.OnCut = "continue",
    cut_iterations: options.CutIterations = 3,
    boxes: Boxes = None,
    patience: options.Patience = 0,
    policy: options.Policy = "latest",
    max_staleness: options.MaxStaleness = None,
    max_gap: options.MaxGap = 2.0,
    conf: Conf = None,
    classes: Classes = None,
    track_: Track = False,
    save: options.Save = Path("runs/video"),
    write: Write = "video,jsonl",
    max_frames: options.MaxFrames = None,
    max_pixels: options.MaxPixels = None,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    compare: Compare = False,
    view: View = False,
    view_port: ViewPort = None,
    quiet: options.Quiet = False,
) -> None:
    """Process a video: one or two solver iterations per frame, each frame started from the last one's result."""
    from streamdeq.api import load
    from streamdeq.running import RunOptions
    from streamdeq.streaming.options import StreamOptions
    from streamdeq.tasks import Choice
    from streamdeq.video import MAX_PIXELS, LivePolicy

    stream = StreamOptions(
        iterations,
        solver,
        start,
        size,
        tolerance,
        tolerance_of,
        budget_ms,
        target_fps,
        max_gap,
        cuts,
        on_cut,
        cut_iterations,
        patience,
    )
    choice = Choice(conf, tuple(name.strip() for name in classes.split(",")) if classes else (), track_)
    chosen = RunOptions(
        stream=stream,
        save=save,
        write=write,
        max_frames=max_frames,
        max_pixels=max_pixels or MAX_PIXELS,
        compare=compare,
        live=LivePolicy(delivery=policy, max_staleness_s=max_staleness),
        choice=choice,
        boxes=boxes,
    )
    with viewing(view, view_port) as monitor:
        report(load(model, device, precision), source, chosen, quiet=quiet, monitor=monitor)


def report(model: Any, source: Any, chosen: Any, *, quiet: bool, monitor: Any = None) -> None:
    """Run, show progress, say what came of it. The last line on stdout is the annotated video's path."""
    from streamdeq.running import Run

    work = Run(model, source, chosen, monitor)
    title = Path(str(work.source.name)).name
    if monitor is not None:
        monitor.begin(title, model.iterations(chosen.stream), chosen.stream.start, capped=chosen.stream.dynamic)
    with stop_signals(work.stop) as caught:
        try:
            with work.results() as results, track(title, work.total, quiet=quiet) as advance:
                for result in results:
                    advance(residual=result.status.residual)
        finally:
            if work.summary.processed:
                _summarise(work.summary)
    for path in reversed([path for path in work.paths.values() if path.exists()]):
        typer.echo(path)
    if caught:
        raise typer.Exit(128 + caught[0])


def _summarise(summary: Any) -> None:
    typer.echo(
        f"{summary.decoded} frames decoded = {summary.processed} processed + {summary.dropped} dropped "
        f"+ {summary.failed} failed, {summary.seconds:.1f} s, {summary.fps:.1f} fps"
    )
    if summary.note:
        typer.echo(f"note: {summary.note}")
    latency = ", ".join(f"{name} {ms:.1f}" for name, ms in summary.latency_ms().items())
    typer.echo(f"frame to answer (ms): {latency}; {summary.nfe.mean:.1f} applications of f per frame")
    stages = ", ".join(f"{name} {ms:.1f}" for name, ms in summary.stage_ms().items())
    typer.echo(f"where the time went (median ms per frame): {stages}")
