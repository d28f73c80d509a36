"""`streamdeq eval`: the streaming protocol on a data set, as a table."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from streamdeq.cli import options
from streamdeq.cli.terminal import say
from streamdeq.codec import Option
from streamdeq.evaluation.protocol.settings import Settings

Offsets = Annotated[
    tuple[int, ...] | None,
    Option(
        "Frames between the start from zeros and the scored frame; default 0,1,2,5,10,20 or what there is.", least=0
    ),
]


def eval(
    model: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A packaged model, or a weights file.")],
    settings: Settings,
    data: options.Data,
    split: options.Split = "val",
    offsets: Offsets = None,
    precision: options.Precision = "auto",
    device: options.Device = "auto",
    threads: options.Threads = None,
    figure: Annotated[str | None, Option("Which of the task's figures to show.", metavar="NAME")] = None,
    jitter: Annotated[bool, Option("Poses: also how restless the points are over time, on whole clips.")] = False,
    latency: Annotated[bool, Option("Measure milliseconds per frame as well.")] = False,
    intervals: Annotated[bool, Option("Show each figure's 95 % bootstrap interval in the table.")] = False,
    resamples: options.Resamples = 1000,
    markdown: options.Markdown = False,
    out: options.Out = None,
    chart: Annotated[Path | None, Option("Draw the figure over the offset, as a PNG.", metavar="FILE")] = None,
    quiet: options.Quiet = False,
) -> None:
    from streamdeq.api import load
    from streamdeq.cli.progress import track
    from streamdeq.data.labels import open_labelled
    from streamdeq.evaluation.jitter.report import jitter_on_clips, long_clips
    from streamdeq.evaluation.latency import measure_latency, some_images
    from streamdeq.evaluation.protocol.curves import draw_curves
    from streamdeq.evaluation.protocol.plan import usual_offsets
    from streamdeq.evaluation.protocol.report import EvaluationReport, make_notes
    from streamdeq.evaluation.protocol.rows import make_rows
    from streamdeq.evaluation.protocol.run import count_steps, evaluate
    from streamdeq.evaluation.reporting.chart import check_installed
    from streamdeq.evaluation.reporting.table import Markdown, Text, check_writable, write_json
    from streamdeq.streaming.options import StreamOptions
    from streamdeq.threads import use

    if chart is not None:
        check_installed()
    for file in (out, chart):
        if file is not None:
            check_writable(file)
    use(threads)
    began = time.monotonic()
    loaded = load(model, device, precision)
    dataset = open_labelled(data, split, loaded.spec.task, lambda note: say(f"eval: {note}", err=True))
    settings = replace(settings, offsets=offsets or usual_offsets(dataset))
    with track("eval", count_steps(loaded, dataset, settings), unit="steps", quiet=quiet) as advance:
        clips = long_clips(dataset) if jitter else ()  # refused before minutes of work, if at all
        evaluation = evaluate(loaded, dataset, settings, advance)
    times: tuple[Any, ...] = ()
    steady: tuple[Any, ...] = ()
    if jitter:
        stream = StreamOptions(solver=settings.solver, size=settings.size)
        with track("jitter", sum(map(len, clips)), quiet=quiet) as advance:
            steady = jitter_on_clips(loaded, clips, settings.iterations, stream, advance)
    if latency:
        images = some_images(dataset)
        times = tuple(measure_latency(loaded, images, count, settings) for count in settings.iterations)
    header = _header(loaded, model, data, split, settings.size, time.monotonic() - began)
    report = EvaluationReport(header, make_rows(evaluation, resamples, figure), times, make_notes(evaluation), steady)
    if out is not None:
        write_json(report.to_plain(), out)
    say(*report.render(Markdown() if markdown else Text(), intervals).split("\n"))
    if chart is not None:
        draw_curves(report, chart)


def _header(loaded: Any, model: str, data: str, split: str, size: int | str | None, seconds: float) -> Any:
    from streamdeq.evaluation.protocol.report import Header
    from streamdeq.models import zoo
    from streamdeq.models.checkpoint import digest, read_weights
    from streamdeq.runtime.precision import precision_of
    from streamdeq.training.log import surroundings

    _, tensors = read_weights(zoo.find(model))
    functions, spec = loaded.functions, loaded.spec
    precision = str(precision_of(functions.dtype))
    side = spec.size if size is None else size
    place = surroundings(functions.device)
    return Header(spec.name, digest(tensors), data, split, side, precision, str(functions.device), seconds, place)
