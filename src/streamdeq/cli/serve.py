"""`streamdeq serve`: many cameras through one or a few models, with a page, an interface for programs, and sinks."""

import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from streamdeq.cli import options
from streamdeq.cli.stopping import HANG_UP, stop_signals
from streamdeq.cli.terminal import say
from streamdeq.codec import Option

#: How soon a signal, and a change of the file, are noticed.
LOOK_S = 0.25

Cameras = Annotated[Path, typer.Argument(metavar="CAMERAS.yaml", help="The file of models, cameras and outputs.")]


def serve(
    cameras: Cameras,
    host: Annotated[str | None, Option("Listen at this address; 0.0.0.0: at all.", metavar="ADDRESS")] = None,
    port: Annotated[int | None, Option("Listen at this port; 0: any free one.", least=0)] = None,
    prefix: Annotated[str | None, Option("Of every path, behind a proxy.", metavar="/PATH")] = None,
    token_file: Annotated[
        Path | None, Option("The token is in this file; default: $STREAMDEQ_TOKEN, or a new one.", metavar="FILE")
    ] = None,
    ray: Annotated[
        str | None, Option("Cameras on a Ray cluster (extra 'ray'); local is this machine.", metavar="ADDRESS|local")
    ] = None,
    threads: options.Threads = None,
    quiet: options.Quiet = False,
) -> None:
    from streamdeq.serving.web.service import require_extra

    require_extra("serve", "fastapi", "uvicorn", "websockets", "prometheus_client")
    from streamdeq.serving.api.http import HttpServer
    from streamdeq.serving.server import Server, read_config
    from streamdeq.serving.server.outputs import Outputs
    from streamdeq.serving.server.reload import Follower
    from streamdeq.serving.web.access import fixed_token
    from streamdeq.serving.web.logs import log_to
    from streamdeq.threads import use

    use(threads)
    config = read_config(cameras)
    given = {name: value for name, value in (("host", host), ("port", port), ("prefix", prefix)) if value is not None}
    where, token = replace(config.listen, **given), fixed_token(token_file)
    log_to(sys.stderr, "WARNING" if quiet else "INFO")
    if ray is None:
        server: Any = Server(config)
    else:
        from streamdeq.cluster.fleet import Fleet

        server = Fleet(config, ray)
    outputs = Outputs(server, config.results)
    served = HttpServer(server, where, config.allow, outputs, token)
    with stop_signals() as caught, outputs, server, served:
        say(f"page: {served.url if token is None else served.url.partition('?')[0]}")
        sys.stdout.flush()
        follower = Follower(server, cameras, config)
        hung_up: list[int] = []
        if HANG_UP is not None:
            signal.signal(HANG_UP, lambda number, _: hung_up.append(number))
        while not caught:
            time.sleep(LOOK_S)
            follower.look(again=bool(hung_up))
            hung_up.clear()
