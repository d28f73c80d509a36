"""`streamdeq report`: what `reproduce` measured into a folder, as one page."""

from pathlib import Path
from typing import Annotated

import typer

from streamdeq.cli.terminal import say
from streamdeq.codec import Option


def report(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="What `reproduce` wrote its files into.")],
    out: Annotated[Path | None, Option("The page; default: DIR/report.html.", metavar="FILE")] = None,
) -> None:
    from streamdeq.evaluation.reproduce.report import write_report

    file = out or folder / "report.html"
    missing = write_report(folder, file)
    if missing:
        say(f"not run: {', '.join(missing)}", err=True)
    say(file)
