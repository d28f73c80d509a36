"""An ASGI application served on a thread of its own, within the bounds of `connections`."""

import asyncio
import logging
import socket
import threading

from streamdeq.errors import StreamdeqError
from streamdeq.serving.web.connections import BACKLOG, bounded_protocol, most_connections
from streamdeq.serving.web.problems import App

LOOPBACK = "127.0.0.1"
#: Names of this machine that only it can ask for.
HOSTS = (LOOPBACK, "localhost", "::1")
#: How long answers under way may take when the server is to end.
GRACE_S = 0.5
#: Bytes of one message that a client sends over a websocket, at the most.
MESSAGE_BYTES = 16_384


class Service:
    """uvicorn around `app` on a socket that listens.

    A daemon: nothing that a client does may keep the program from ending.
    """

    def __init__(self, app: App, listening: socket.socket, *, websockets: bool = False) -> None:
        import uvicorn

        self._socket = listening
        most = most_connections()
        config = uvicorn.Config(
            app,
            http=bounded_protocol(most),
            limit_concurrency=most + 1,
            backlog=BACKLOG,
            # What goes wrong is logged; what others send that is wrong is not.
            log_config=None,
            log_level=logging.ERROR,
            access_log=False,
            lifespan="off",
            proxy_headers=False,  # `proxy` has more of them
            server_header=False,
            ws="websockets-sansio" if websockets else "none",
            ws_max_size=MESSAGE_BYTES,
            ws_per_message_deflate=False,  # pictures are compressed as they are
        )
        self._server = uvicorn.Server(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="http", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Answers under way get `GRACE_S`, then whoever does not take what it asked for is hung up on."""
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
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()


def listen(host: str, port: int, flag: str) -> socket.socket:
    """A socket that listens at `host`; port 0 takes a free one.

    Args:
        flag: the option that the port is from, for messages.

    Raises:
        StreamdeqError: the port, or the address, cannot be had.
    """
    if port > 65535:
        raise StreamdeqError(f"{flag}: expected a port, 0 to 65535, got {port}; 0 takes a free one")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind)
    except OSError as error:
        raise StreamdeqError(f"cannot listen at {host}: {error.strerror}; give an address of this machine") from error
    try:
        # The port of a server that has just ended may be taken again.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise StreamdeqError(f"{flag}: port {port} cannot be had: {error.strerror}; 0 takes a free one") from error
    return listening


def require_extra(wanted_by: str, *modules: str) -> None:
    """Raise StreamdeqError unless the extra `serve` is installed."""
    from importlib import import_module

    try:
        for name in modules:
            import_module(name)
    except ImportError as error:
        raise StreamdeqError(f"{wanted_by} needs the extra 'serve': pip install 'streamdeq[serve]'") from error
