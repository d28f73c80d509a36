"""`streamdeq bench`: how fast a model is on this machine, part by part, and beside what else there is."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from streamdeq.cli import options
from streamdeq.cli.terminal import say
from streamdeq.codec import Option
from streamdeq.evaluation.bench.settings import BenchSettings


def bench(
    model: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE|SIZE",
            help="A packaged model, a weights file, or small, large, xl: a published size with random weights.",
        ),
    ],
    settings: BenchSettings,
    precision: options.Precision = "auto",
    device: options.Device = "auto",
    markdown: options.Markdown = False,
    out: options.Out = None,
    chart: Annotated[Path | None, Option("Draw milliseconds over iterations, as a PNG.", metavar="FILE")] = None,
) -> None:
    import torch

    from streamdeq.evaluation.bench import report
    from streamdeq.evaluation.bench.run import benchmark, open_model
    from streamdeq.evaluation.reporting.chart import check_installed, save
    from streamdeq.evaluation.reporting.table import Markdown, Text, check_writable, write_json
    from streamdeq.training.log import surroundings

    if chart is not None:
        check_installed()
    for file in (out, chart):
        if file is not None:
            check_writable(file)
    torch.manual_seed(settings.seed)
    loaded, network = open_model(model, device, precision, settings.features)
    found = benchmark(loaded, network, settings)
    place = surroundings(loaded.functions.device)
    header = {"command": ["streamdeq", *sys.argv[1:]], "seed": settings.seed, **place}
    if out is not None:
        write_json(report.to_plain(found, header), out)
    if chart is not None:
        save(report.chart(found), chart)
    named = "{machine}, {threads} threads".format_map(place)
    say(*report.render(found, named, Markdown() if markdown else Text()).split("\n"))
