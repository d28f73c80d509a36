"""`streamdeq bench cameras`: how many cameras this machine holds, and what load does to their answers."""

import sys
from pathlib import Path
from typing import Annotated

from streamdeq.cli import options
from streamdeq.cli.terminal import say, teller
from streamdeq.codec import Option
from streamdeq.serving.bench.settings import CamerasSettings


def bench_cameras(
    data: options.Data,
    settings: CamerasSettings,
    model: options.Model = options.DEFAULT_MODEL,
    split: options.Split = "val",
    precision: options.Precision = "auto",
    device: options.Device = "auto",
    peer: Annotated[
        str | None, Option("A torchvision network to play beside it, frame by frame.", metavar="NAME=FILE")
    ] = None,
    threads: options.Threads = None,
    markdown: options.Markdown = False,
    out: options.Out = None,
    chart: Annotated[Path | None, Option("Draw the accuracy over the load, as a PNG or SVG.", metavar="FILE")] = None,
    quiet: options.Quiet = False,
) -> None:
    from streamdeq.evaluation.reporting.chart import check_installed, save
    from streamdeq.evaluation.reporting.table import Markdown, Text, check_writable, write_json
    from streamdeq.serving.bench import report
    from streamdeq.serving.bench.run import Bench
    from streamdeq.threads import use
    from streamdeq.training.log import surroundings

    if chart is not None:
        check_installed()
    for file in (out, chart):
        if file is not None:
            check_writable(file)
    use(threads)
    beside = None if peer is None else options.named_file(peer)
    bench = Bench(model, data, split, settings, device, precision, beside, teller("bench", silent=quiet))
    found = bench.run()
    metric, place = bench.model.task.metric().name, surroundings(bench.model.functions.device)
    header = {"command": ["streamdeq", *sys.argv[1:]], "data": data, "split": split, "metric": metric, **place}
    if out is not None:
        write_json(report.to_plain(found, header), out)
    if chart is not None:
        save(report.chart(found, metric), chart)
    named = "{machine}, {threads} threads".format_map(place)
    say(*report.render(found, named, metric, Markdown() if markdown else Text()).split("\n"))
