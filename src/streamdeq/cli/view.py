"""`--view`: a page on this machine while a run goes on. Knows how it is offered; the page is `streamdeq.serving`'s."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from streamdeq.cli.options import at_least
from streamdeq.errors import StreamdeqError

View = Annotated[
    bool,
    typer.Option("--view", help="Watch and steer it in a browser on this machine; needs streamdeq[serve]."),
]
ViewPort = Annotated[
    int | None,
    typer.Option(
        "--view-port", metavar="N", parser=at_least(0, "--view-port"), help="The page's port; default: any free one."
    ),
]


@contextmanager
def viewing(view: bool, port: int | None) -> Iterator[Any]:
    """Serve a page while the block lasts and yield its monitor; None without `--view`. The address goes to stderr."""
    if not view:
        if port is not None:
            raise StreamdeqError("--view-port: goes with --view; add it, or leave the port out")
        yield None
        return
    from streamdeq.serving import Viewer

    with Viewer(port or 0) as viewer:
        typer.echo(f"view: {viewer.url}", err=True)
        yield viewer.monitor
