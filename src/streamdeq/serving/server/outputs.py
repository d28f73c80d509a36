"""Hands every answer and its events as records to the sinks of the configuration, and films, on a thread of its own."""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from streamdeq.errors import StreamdeqError
from streamdeq.results.buffered import SinkReport, Sinks
from streamdeq.results.record import Record
from streamdeq.results.sinks import SinkOptions
from streamdeq.results.sinks.sqlite import Sqlite
from streamdeq.rules.clips import ClipRecorder
from streamdeq.rules.config import Clips
from streamdeq.serving.server.published import Published
from streamdeq.serving.server.server import Server

log = logging.getLogger("streamdeq.serving")
#: Answers that may wait to become records.
DEPTH = 1024
WAIT_S = 0.5


class Outputs:
    """The sinks of `server`, while the context lasts; entered before the server and left after it, they get all.

    Attributes:
        lost: answers that were not made records in time; what sinks lose is in `reports`.

    Raises:
        StreamdeqError: one of them can never be written.
    """

    def __init__(self, server: Server, options: Sequence[SinkOptions]) -> None:
        self._sinks = Sinks(options)
        self._answers = server.subscribe(DEPTH)
        self._films = Films(server)
        self._thread = threading.Thread(target=self._work, name="outputs", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._answers.end()
        self._thread.join()
        self._answers.close()
        self._sinks.close()

    @property
    def lost(self) -> int:
        return self._answers.lost

    def reports(self) -> list[SinkReport]:
        return self._sinks.reports()

    def _work(self) -> None:
        while not self._answers.closed:
            published = self._answers.get(WAIT_S)
            if published is not None:
                for record in (published.record(), *self._films.take(published)):
                    self._sinks.write(record)
        self._films.close()


class Films:
    """The clips around events, of the cameras whose rules want some; one that cannot be written is the camera's last."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._recorders: dict[str, tuple[Clips, ClipRecorder | None]] = {}

    def take(self, published: Published) -> Sequence[Record]:
        """An answer's events, each with the name of its film where it has one."""
        name, clips = published.camera, published.clips
        if clips is None or (name in self._recorders and self._recorders[name][0] != clips):
            self._end(name)
        if clips is None:
            return published.events
        try:
            if name not in self._recorders:
                report = self._server.reports().get(name)
                self._recorders[name] = clips, ClipRecorder(clips, None if report is None else report.fps)
            recorder = self._recorders[name][1]
            return published.events if recorder is None else recorder.take(published.frame, published.events)
        except (StreamdeqError, OSError) as error:  # a full disk costs films, and nothing else
            log.warning("camera %s: no film: %s", name, error)
            self._recorders[name] = clips, None
            return published.events

    def close(self) -> None:
        for name in list(self._recorders):
            self._end(name)

    def _end(self, name: str) -> None:
        _, recorder = self._recorders.pop(name, (None, None))
        if recorder is None:
            return
        try:
            recorder.close()
        except (StreamdeqError, OSError) as error:
            log.warning("camera %s: no film: %s", name, error)


def stored_in(options: Sequence[SinkOptions]) -> Path | None:
    """The SQLite file among the sinks, which can be asked; None without one."""
    return next((one.path for one in options if isinstance(one, Sqlite)), None)
