"""`streamdeq data prepare NAME`: a data set from its public sources, in a folder that the readers know."""

from pathlib import Path
from typing import Annotated

import typer

from streamdeq.cli.options import Quiet
from streamdeq.cli.terminal import say, teller
from streamdeq.codec import Option
from streamdeq.data.prepare.catalogue import DATA_SETS


def data_prepare(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"Which: {', '.join(DATA_SETS)}.")],
    out: Annotated[Path, Option("Folder that is made; there must be none, or an empty one.", metavar="DIR")],
    from_: Annotated[
        list[Path] | None,
        typer.Option(
            "--from", metavar="PATH", help="A source as it is published: a checkout, an archive, …; repeatable."
        ),
    ] = None,
    download: Annotated[
        Path | None, Option("Download what is not given, over https, into this folder.", metavar="DIR")
    ] = None,
    quiet: Quiet = False,
) -> None:
    from streamdeq.data.prepare.run import prepare

    given = [path.expanduser() for path in from_ or ()]
    made = prepare(name, out.expanduser(), given, download, teller(name, silent=quiet))
    say(
        f"{made}: {DATA_SETS[name].about}",
        f"    licence: {DATA_SETS[name].licence}",
        f"    streamdeq data check {made}",
    )
