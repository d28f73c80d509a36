"""Records as lines of JSON, added to a file that is begun anew when it grows large."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from streamdeq.errors import StreamdeqError
from streamdeq.files import ensure_folder
from streamdeq.results.record import as_text
from streamdeq.results.sinks.base import RecordSink, SinkOptions
from streamdeq.values.numbers import check_number
from streamdeq.video.sinks.base import unwritable


@dataclass(frozen=True, kw_only=True)
class JsonLines(SinkOptions):
    """Args:
    path: the file; what is in it stays.
    max_mb: larger than this it becomes `PATH.1`, that `PATH.2`, …; None: it grows.
    keep: so many of the former files are kept.
    """

    path: Path
    max_mb: float | None = 100.0
    keep: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("keep", self.keep, whole=True, least=1)

    @classmethod
    def at(cls, place: str) -> Self:
        return cls(path=Path(place))

    @property
    def label(self) -> str:
        return f"jsonl:{self.path}"

    def open(self) -> RecordSink:
        return AppendedLines(self)


class AppendedLines(RecordSink):
    def __init__(self, options: JsonLines) -> None:
        self._options, self._path = options, options.path.expanduser()
        ensure_folder(self._path.parent)
        self._open()

    def write(self, item: Sequence[Mapping[str, Any]]) -> None:
        self._prepare()
        rest = memoryview("".join(f"{as_text(record)}\n" for record in item).encode(errors="replace"))
        begin = self._file.tell()
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._file.truncate(begin)  # all of them or none: they are given again
            raise StreamdeqError(unwritable(self._path, error.strerror)) from error

    def close(self) -> None:
        self._file.close()

    def _open(self) -> None:
        try:
            self._file = self._path.open("a+b", buffering=0)
            if self._file.tell():  # a writer that was killed may have left half a line
                self._file.seek(-1, os.SEEK_END)
                if self._file.read(1) != b"\n":
                    self._file.write(b"\n")
        except OSError as error:
            raise StreamdeqError(unwritable(self._path, error.strerror)) from error

    def _prepare(self) -> None:
        """Begin a new file where this one is large."""
        if self._options.max_mb is None or self._file.tell() <= self._options.max_mb * 1e6:
            return
        try:
            for number in range(self._options.keep, 0, -1):
                older = Path(f"{self._path}.{number - 1}") if number > 1 else self._path
                if older.exists():
                    os.replace(older, f"{self._path}.{number}")
        except OSError as error:
            raise StreamdeqError(unwritable(self._path, error.strerror)) from error
        self._file.close()
        self._open()
