"""Serve the page while a run goes on, on a thread of its own.

The page outlives the server: when the run is over it has been told so and keeps the last picture.
"""

import asyncio
import socket
import threading
from types import TracebackType
from typing import Any, Self

from streamdeq.errors import StreamdeqError
from streamdeq.serving.view.app import HOSTS, build_app
from streamdeq.serving.view.monitor import RunMonitor
from streamdeq.serving.web.access import Access
from streamdeq.serving.web.connections import BACKLOG, bounded_protocol, most_connections

#: A page that has asked within this time is told of the end; it is waited for so long at the most.
WATCHED_S = 1.5
TOLD_S = 1.0
#: How long answers under way may take when the run is over.
GRACE_S = 0.5


class Viewer:
    """Serves a `monitor` while the context lasts, bound to 127.0.0.1 only.

    Args:
        port: 0 takes any free one.

    Attributes:
        url: the page's address, with the token that lets one in.

    Raises:
        StreamdeqError: the extra `serve` is not installed, or the port is taken.
    """

    def __init__(self, port: int = 0) -> None:
        uvicorn = _uvicorn()
        self.monitor = RunMonitor()
        self._socket = _listen(port)
        port = self._socket.getsockname()[1]
        access = Access(f"streamdeq-{port}")
        self.url = f"http://{HOSTS[0]}:{port}/?token={access.token}"
        most = most_connections()
        config = uvicorn.Config(
            access.guard(build_app(self.monitor), HOSTS),
            http=bounded_protocol(most),
            limit_concurrency=most + 1,
            backlog=BACKLOG,
            # What goes wrong comes as Python's own last resort, on stderr; what others send that is wrong does not.
            log_config=None,
            log_level="error",
            access_log=False,
            lifespan="off",
            ws="none",
        )
        self._server = uvicorn.Server(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        # A daemon: nothing a page does may keep the program from ending.
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="view", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.monitor.finish()
        if self.monitor.watched(WATCHED_S):
            self.monitor.told.wait(TOLD_S)
        self._server.should_exit = True
        self._thread.join(GRACE_S)
        if self._thread.is_alive() and self._loop is not None:
            self._loop.call_soon_threadsafe(self._drop)
            self._thread.join(GRACE_S)
        self._socket.close()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._server.serve(sockets=[self._socket])

    def _drop(self) -> None:
        """Hang up on whoever does not take what it asked for."""
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()


def _uvicorn() -> Any:
    try:
        import fastapi  # noqa: F401 - together they are the extra
        import uvicorn
    except ImportError as error:
        raise StreamdeqError("--view needs the extra 'serve': pip install 'streamdeq[serve]'") from error
    return uvicorn


def _listen(port: int) -> socket.socket:
    if port > 65535:
        raise StreamdeqError(f"--view-port: expected a port, 0 to 65535, got {port}; 0 takes a free one")
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        # The port of a run that has just ended may be taken again.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOSTS[0], port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise StreamdeqError(f"--view-port: port {port} cannot be had: {error.strerror}; 0 takes a free one") from error
    return listening
