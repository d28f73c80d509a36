"""`streamdeq eval`: the streaming protocol on a data set, as a table."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from streamdeq.cli import options
from streamdeq.cli.terminal import say, teller
from streamdeq.codec import Option
from streamdeq.evaluation.protocol.settings import Settings, Sharing

Offsets = Annotated[
    tuple[int, ...] | None,
    Option(
        "Frames between the start of streaming and the scored frame; default 0,1,2,5,10,20 or what there is.", least=0
    ),
]


def eval(
    model: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A packaged model, a file, hf://owner/name.")],
    settings: Settings,
    sharing: Sharing,
    data: options.Data,
    split: options.Split = "val",
    allow_outside: options.AllowOutside = False,
    offsets: Offsets = None,
    precision: options.Precision = "fp32",
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
    from streamdeq.evaluation.jitter.report import long_clips
    from streamdeq.evaluation.protocol.report import EvaluationReport, make_notes
    from streamdeq.evaluation.protocol.rows import make_rows
    from streamdeq.evaluation.reporting.chart import check_installed
    from streamdeq.evaluation.reporting.table import check_writable
    from streamdeq.runtime.precision import pick_device
    from streamdeq.threads import use
    from streamdeq.training.parallel import joined

    if chart is not None:
        check_installed()
    for file in filter(None, (out, chart)):
        check_writable(file)
    use(threads)
    began = time.monotonic()
    with joined(pick_device(device)) as ranks:
        share = _share(sharing, ranks)
        loaded = load(model, device, precision)
        dataset = open_labelled(data, split, loaded.spec.task, teller("eval"), allow_outside)
        clips = long_clips(dataset) if jitter else ()  # refused before minutes of work, if at all
        job = _job(loaded, dataset, offsets, settings, sharing.parts)
        with track("eval", job.steps(share), unit="steps", quiet=quiet or not ranks.leads) as advance:
            job.run(share, advance)
        ranks.any(False)  # all have done their share
        if not ranks.leads:
            return
    if missing := len(job.missing):
        done = f"{len(job.pieces) - missing} of {len(job.pieces)}"
        say(f"{done} parts are in {sharing.parts}; when all are, leave out --shard")
        return
    steady, times = _jitter(job, clips, quiet) if jitter else (), _latency(job, dataset) if latency else ()
    evaluation = job.evaluation()
    rows = make_rows(evaluation, resamples, figure)
    header = _header(job, model, data, time.monotonic() - began)
    report = EvaluationReport(header, rows, times, make_notes(evaluation, rows), steady)
    _show(report, out, chart, markdown=markdown, intervals=intervals)


def _show(report: Any, out: Path | None, chart: Path | None, *, markdown: bool, intervals: bool) -> None:
    from streamdeq.evaluation.protocol.curves import draw_curves
    from streamdeq.evaluation.reporting.table import Markdown, Text, write_json

    if out is not None:
        write_json(report.to_plain(), out)
    say(*report.render(Markdown() if markdown else Text(), intervals).split("\n"))
    if chart is not None:
        draw_curves(report, chart)


def _job(model: Any, dataset: Any, offsets: Any, settings: Settings, parts: Path | None) -> Any:
    """What is to be evaluated."""
    from streamdeq.evaluation.protocol.plan import usual_offsets
    from streamdeq.evaluation.protocol.run import Job

    return Job(model, dataset, replace(settings, offsets=offsets or usual_offsets(dataset)), parts)


def _share(sharing: Sharing, ranks: Any) -> Any:
    """What this process scores: as said, or its share among those that torchrun started; None for all."""
    from streamdeq.errors import StreamdeqError
    from streamdeq.evaluation.protocol.parts import Shard

    said = None if sharing.shard is None else Shard.parse(sharing.shard)
    share = Shard(ranks.rank + 1, ranks.count) if said is None and ranks.count > 1 else said
    if share and sharing.parts is None:
        raise StreamdeqError("processes share an evaluation by a folder: give all of them the same --parts DIR")
    return share


def _latency(job: Any, dataset: Any) -> tuple[Any, ...]:
    from streamdeq.evaluation.latency import measure_latency, some_images

    images = some_images(dataset)
    return tuple(measure_latency(job.model, images, count, job.settings) for count in job.settings.iterations)


def _jitter(job: Any, clips: Any, quiet: bool) -> tuple[Any, ...]:
    from streamdeq.cli.progress import track
    from streamdeq.evaluation.jitter.report import jitter_on_clips
    from streamdeq.streaming.options import StreamOptions

    settings = job.settings
    stream = StreamOptions(solver=settings.solver, size=settings.size)
    with track("jitter", sum(map(len, clips)), quiet=quiet) as advance:
        return jitter_on_clips(job.model, clips, settings.iterations, stream, advance)


def _header(job: Any, model: str, data: str, seconds: float) -> Any:
    from streamdeq.evaluation.protocol.report import Header, drawn
    from streamdeq.evaluation.protocol.run import counts_early
    from streamdeq.models import zoo
    from streamdeq.models.checkpoint import digest, read_weights
    from streamdeq.runtime.precision import precision_of
    from streamdeq.training.log import surroundings

    _, tensors = read_weights(zoo.find(model))
    functions, spec, settings = job.model.functions, job.model.spec, job.settings
    return Header(
        model=spec.name,
        hash=digest(tensors),
        data=data,
        split=job.dataset.split,
        size=spec.size if settings.size is None else settings.size,
        precision=str(precision_of(functions.dtype)),
        device=str(functions.device),
        seconds=seconds,
        surroundings=surroundings(functions.device),
        population=("all" if counts_early(job.model, settings) else "common") if job.plan.chains else None,
        baseline=spec.reference_solve.iterations,
        start=str(settings.start) + (f" ({settings.start_from})" if settings.start_from else ""),
        draw=drawn(settings),
    )
