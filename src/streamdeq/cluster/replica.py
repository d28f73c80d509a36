"""A server of cameras as an actor of a Ray cluster."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.serving.scheduler import Load
from streamdeq.serving.server import CameraConfig, CameraReport, Published, Server, ServerConfig

#: A replica that is not asked for so long has been given up, and its cameras are elsewhere: it lets go of them.
LEASE_S = 5.0
#: Answers that are handed over at once.
MOST = 64


class Replica:
    """Has some of the cameras. Its methods are called from several threads; none raises but returns a StreamdeqError.

    Args:
        config: the whole server's; of its cameras it has those that it is given.
    """

    def __init__(self, config: ServerConfig) -> None:
        self._server = Server(replace(config, cameras={}))
        self._server.__enter__()
        self._answers = self._server.subscribe(4 * MOST)
        self._asked_s = time.monotonic()
        threading.Thread(target=self._watch, daemon=True).start()

    def add(self, name: str, camera: CameraConfig, waiting: bool) -> CameraReport | StreamdeqError:
        """It goes on from its saved state, if there is one. Its first figures."""

        def add() -> CameraReport:
            self._server.add(name, camera, waiting=waiting)
            return self._server.reports()[name]

        return _tried(add)

    def change(self, name: str, changes: dict[str, Any]) -> StreamdeqError | None:
        return _tried(lambda: self._server.change(name, **changes))

    def remove(self, name: str, keep: bool) -> CameraReport | StreamdeqError:
        return _tried(lambda: self._server.remove(name, keep=keep))

    def take(self, wait_s: float) -> tuple[list[Published], dict[str, CameraReport], Load]:
        """The answers since the last call, and all figures as they stand."""
        self._asked_s = time.monotonic()
        first = self._answers.get(wait_s)
        taken = [] if first is None else [first]
        while len(taken) < MOST and (more := self._answers.get(0)) is not None:
            taken.append(more)
        return taken, self._server.reports(), self._server.load()

    def end(self) -> None:
        """Save what the cameras know."""
        self._server.__exit__(None, None, None)

    def _watch(self) -> None:
        while True:
            time.sleep(0.5)
            if time.monotonic() - self._asked_s > LEASE_S:
                for name in self._server.cameras():
                    _tried(lambda name=name: self._server.remove(name, keep=True))


def _tried(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except StreamdeqError as error:
        return error
