"""`streamdeq archive`: every frame of many films into Parquet, with all cores."""

from pathlib import Path
from typing import Annotated

import typer

from streamdeq.cli import options
from streamdeq.cli.progress import track
from streamdeq.cli.stopping import stop_signals
from streamdeq.cli.terminal import say
from streamdeq.cluster.options import ArchiveOptions
from streamdeq.codec import Option

Films = Annotated[
    list[str], typer.Argument(metavar="FILES…", help="Video files, or patterns in quotes: 'videos/**/*.mp4'.")
]
Folder = Annotated[Path, Option("Folder for the records; the same again goes on where it ended.", metavar="DIR")]
Processes = Annotated[int | None, Option("Processes that answer; default: one per core.", least=1)]
Ray = Annotated[
    str | None,
    Option("Work on a Ray cluster (extra 'ray'); local is this machine.", metavar="ADDRESS|local"),
]


def archive(
    films: Films,
    chosen: ArchiveOptions,
    out: Folder,
    model: options.Model = options.DEFAULT_MODEL,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    processes: Processes = None,
    ray: Ray = None,
    quiet: options.Quiet = False,
) -> None:
    from streamdeq.cluster.archive import Archive, Settings, films_of

    settings = Settings(model=model, device=device, precision=precision, options=chosen)
    work = Archive(films_of(films), out, settings, processes, ray)
    with stop_signals(work.stop) as caught, track("archive", None, unit="parts", quiet=quiet) as advance:
        for _ in work.run():
            advance(frames=work.report.counts.processed)
    report = work.report
    frames = f"{report.counts.processed} frames processed + {report.counts.failed} failed"
    say(f"{report.films} films, {report.parts} parts done, {frames}")
    for film, problem in sorted(report.problems.items()):
        say(f"streamdeq: {film}: {problem}", err=True)
    say(out)
    if caught:
        raise typer.Exit(128 + caught[0])
    if report.problems:
        raise typer.Exit(1)
