"""Serve the page while a run goes on, on a thread of its own.

The page outlives the server: when the run is over it has been told so and keeps the last picture.
"""

from types import TracebackType
from typing import Self

from streamdeq.serving.view.app import build_app
from streamdeq.serving.view.monitor import RunMonitor
from streamdeq.serving.web.access import Access
from streamdeq.serving.web.service import HOSTS, LOOPBACK, Service, listen, require_extra

#: A page that has asked within this time is told of the end; it is waited for so long at the most.
WATCHED_S = 1.5
TOLD_S = 1.0


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
        require_extra("--view", "fastapi", "uvicorn")
        self.monitor = RunMonitor()
        listening = listen(LOOPBACK, port, "--view-port")
        port = listening.getsockname()[1]
        access = Access(f"streamdeq-{port}")
        self.url = f"http://{LOOPBACK}:{port}/?token={access.token}"
        self._service = Service(access.guard(build_app(self.monitor), HOSTS), listening)

    def __enter__(self) -> Self:
        self._service.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.monitor.finish()
        if self.monitor.watched(WATCHED_S):
            self.monitor.told.wait(TOLD_S)
        self._service.stop()
