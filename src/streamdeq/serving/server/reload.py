"""Bring a running server up to date with its file, when that has changed or somebody asks for it."""

import logging
from dataclasses import replace
from pathlib import Path

from streamdeq.errors import StreamdeqError
from streamdeq.serving.server.config import ServerConfig, read_config
from streamdeq.serving.server.server import Server

log = logging.getLogger("streamdeq.serving")
#: What of a file is taken while the server runs; the rest when it is started again.
LIVE = ("models", "cameras")


class Follower:
    """Looks at the file that `server` was started with.

    What is wrong in it is logged, and the server goes on as it was. Cameras that were added otherwise stay.
    """

    def __init__(self, server: Server, path: Path, config: ServerConfig) -> None:
        self._server, self._path, self._config = server, path, config
        self._seen = stamp(path)

    def look(self, *, again: bool = False) -> None:
        """Take the file up if it has changed since the last look, or `again`."""
        now = stamp(self._path)
        if now is None or (now == self._seen and not again):
            return
        self._seen = now
        try:
            self._take(read_config(self._path))
            log.info("%s is read again", self._path.name)
        except StreamdeqError as error:
            log.error("not all of the changed file is taken: %s", error)

    def _take(self, new: ServerConfig) -> None:
        old, self._config = self._config, new
        kept = {name: one for name, one in self._server.cameras().items() if name not in old.cameras}
        if later := [key for key in vars(new) if key not in LIVE and getattr(new, key) != getattr(old, key)]:
            log.warning("%s: %s: taken when the server is started again", self._path.name, ", ".join(later))
        self._server.apply(replace(new, cameras={**kept, **new.cameras}))


def stamp(path: Path) -> tuple[int, int, int] | None:
    """What changes when the file does; None while there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
