"""Hands every answer, and what rules see in it, as records to the configuration's sinks, on a thread of its own."""

import threading
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from streamdeq.results.buffered import SinkReport, Sinks
from streamdeq.results.sinks import SinkOptions
from streamdeq.results.sinks.sqlite import Sqlite
from streamdeq.serving.server.server import Server
from streamdeq.serving.server.watching import Watching

#: Answers that may wait to become records.
DEPTH = 1024
WAIT_S = 0.5


class Outputs:
    """The sinks of `server`, while the context lasts; entered before the server and left after it, they get all.

    Attributes:
        store: the SQLite file among them, which can be asked; None without one.
        lost: answers that were not made records in time; what sinks lose is in `reports`.

    Raises:
        StreamdeqError: one of them can never be written.
    """

    def __init__(self, server: Server, options: Sequence[SinkOptions]) -> None:
        self.store: Path | None = next((one.path for one in options if isinstance(one, Sqlite)), None)
        self._sinks = Sinks(options)
        self._answers = server.subscribe(DEPTH)
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
        with Watching() as watching:
            while not self._answers.closed:
                published = self._answers.get(WAIT_S)
                for record in [] if published is None else watching.records(published):
                    self._sinks.write(record)
