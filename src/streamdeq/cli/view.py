"""`--view`: a page on this machine while a run goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from streamdeq.cli.terminal import say
from streamdeq.codec import Option
from streamdeq.errors import StreamdeqError

View = Annotated[bool, Option("Watch and steer it in a browser on this machine; needs streamdeq[serve].")]
ViewPort = Annotated[int | None, Option("The page's port; default: any free one.", least=0)]


@contextmanager
def viewing(view: bool, port: int | None) -> Iterator[Any]:
    """Serve a page while the block lasts and yield its monitor; None without `--view`. The address goes to stderr."""
    if not view:
        if port is not None:
            raise StreamdeqError("--view-port: goes with --view; add it, or leave the port out")
        yield None
        return
    from streamdeq.serving.view import Viewer

    with Viewer(port or 0) as viewer:
        say(f"view: {viewer.url}", err=True)
        yield viewer.monitor
