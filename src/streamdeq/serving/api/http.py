"""A server of many cameras, served: the application with all that stands before it, on its port."""

import socket
from types import TracebackType
from typing import Self

from streamdeq.serving.api.app import build_app
from streamdeq.serving.api.context import Context
from streamdeq.serving.api.hub import Hub
from streamdeq.serving.api.pages import UNGUARDED
from streamdeq.serving.server import AllowConfig, ListenConfig, Server
from streamdeq.serving.server.outputs import Outputs
from streamdeq.serving.web.access import Access
from streamdeq.serving.web.limits import Rate, limited
from streamdeq.serving.web.logs import logged
from streamdeq.serving.web.proxy import behind_proxy
from streamdeq.serving.web.service import HOSTS, Service, listen


class HttpServer:
    """Serves `server` while the context lasts.

    Args:
        allow: sources that requests may name.
        outputs: where its results go.
        token: a random one if None.

    Attributes:
        port: that it listens at.
        url: the page's address on this machine, with the token.

    Raises:
        StreamdeqError: the port cannot be had.
    """

    def __init__(
        self,
        server: Server,
        where: ListenConfig,
        allow: AllowConfig,
        outputs: Outputs,
        token: str | None = None,
    ) -> None:
        listening = listen(where.host, where.port, "--port")
        port = listening.getsockname()[1]
        access = Access(f"streamdeq-{port}", token, f"{where.prefix}/", [where.prefix + path for path in UNGUARDED])
        local = where.host in HOSTS
        names = {*HOSTS, *(name.lower() for name in where.names)} | (set() if local else {socket.gethostname().lower()})
        self._hub = Hub(server)
        app = build_app(Context(server, self._hub, allow, outputs))
        guarded = limited(access.guard(app, names, addresses=not local), Rate(where.rate))
        self._service = Service(behind_proxy(logged(guarded), where.proxies, where.prefix), listening, websockets=True)
        shown = where.host if local else socket.gethostname()
        self.port = port
        self.url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}{where.prefix}/?token={access.token}"

    def __enter__(self) -> Self:
        self._hub.__enter__()
        self._service.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._service.stop()
        self._hub.__exit__(kind, error, trace)
