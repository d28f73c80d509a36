"""`streamdeq compare`: several models on the same frames, as one table."""

import time
from typing import Annotated, Any, Literal

import typer

from streamdeq.cli import options
from streamdeq.cli.generated import option
from streamdeq.cli.progress import track
from streamdeq.cli.terminal import say, teller
from streamdeq.codec import Option
from streamdeq.evaluation.protocol.settings import Settings
from streamdeq.streaming.options import StartFrom


def compare(
    models: Annotated[list[str], typer.Argument(metavar="NAME|FILE...", help="Packaged models, or weights files.")],
    data: options.Data,
    split: options.Split = "val",
    allow_outside: options.AllowOutside = False,
    iterations: Annotated[tuple[int, ...], option(Settings, "iterations")] = Settings.iterations,
    offset: Annotated[int, Option("Frames between the start of streaming and the scored frame.", least=0)] = 10,
    start: Annotated[StartFrom, option(Settings, "start")] = Settings.start,
    start_from: Annotated[str | None, option(Settings, "start_from")] = None,
    population: Annotated[Literal["all", "common"] | None, option(Settings, "population")] = None,
    peer: options.Peers = None,
    precision: options.Precision = "auto",
    device: options.Device = "auto",
    resamples: options.Resamples = 1000,
    markdown: options.Markdown = False,
    out: options.Out = None,
    quiet: options.Quiet = False,
) -> None:
    from streamdeq.api import load
    from streamdeq.data.labels import open_labelled
    from streamdeq.evaluation.comparison.report import render, to_plain
    from streamdeq.evaluation.comparison.run import compare as judge
    from streamdeq.evaluation.peers import load_peer
    from streamdeq.evaluation.protocol.run import count_steps, counts_early
    from streamdeq.evaluation.reporting.table import Markdown, Text, check_writable, write_json

    if out is not None:
        check_writable(out)
    began = time.monotonic()
    loaded = [load(model, device, precision) for model in models]
    first = loaded[0]
    dataset = open_labelled(data, split, first.spec.task, teller("compare"), allow_outside)
    files = map(options.named_file, peer or [])
    peers = [load_peer(name, path, first.spec, first.functions.device, precision) for name, path in files]

    settings = Settings(iterations, offsets=(offset,), start=start, start_from=start_from, population=population)
    steps = sum(count_steps(one, dataset, settings) for one in loaded)
    with track("compare", steps, unit="steps", quiet=quiet) as advance:
        comparison = judge(loaded, peers, dataset, settings, teller("compare", silent=quiet), resamples, advance)
    about = _place(loaded[0])
    if out is not None:
        header = {
            "models": _hashes(models),
            "peers": list(peer or []),
            "data": data,
            "split": split,
            "start": str(start),
            "population": "all" if counts_early(first, settings) else "common",
            "seconds": round(time.monotonic() - began),
            **about,
        }
        write_json(to_plain(comparison, header), out)
    place = "{machine}, {threads} threads, {precision}".format_map(about)
    say(*render(comparison, place, Markdown() if markdown else Text()).split("\n"))


def _hashes(models: list[str]) -> dict[str, str]:
    from streamdeq.models import zoo
    from streamdeq.models.checkpoint import digest, read_weights

    return {model: digest(read_weights(zoo.find(model))[1]) for model in models}


def _place(model: Any) -> dict[str, Any]:
    from streamdeq.training.log import surroundings

    return {"precision": str(model.functions.dtype).removeprefix("torch."), **surroundings(model.functions.device)}
