"""Write lines of text to a file."""

from __future__ import annotations

import os
from collections.abc import Sequence

from streamdeq.errors import StreamdeqError
from streamdeq.video.sinks.base import PendingFile, Sink, unwritable


class LinesSink(Sink[Sequence[str]]):
    """Each item is as many lines as it has. From the first on the file has its name and can be read as it grows.

    Of a file without any line, `keep_empty` says whether it is kept: nothing was found.
    """

    def __init__(self, path: str | os.PathLike[str], *, keep_empty: bool = True) -> None:
        self._pending = PendingFile(path)
        self._keep = keep_empty
        self._file = self._pending.path.open("w", encoding="utf-8", errors="replace", newline="\n")

    def write(self, item: Sequence[str]) -> None:
        try:
            self._file.writelines(f"{line}\n" for line in item)
            self._file.flush()
        except OSError as error:
            raise StreamdeqError(unwritable(self._pending.final, error.strerror)) from error
        if item:
            self._pending.keep()
            self._keep = True

    def close(self) -> None:
        if self._file.closed:
            return
        try:
            self._file.close()
        except OSError as error:
            self._pending.discard()
            raise StreamdeqError(unwritable(self._pending.final, error.strerror)) from error
        if self._keep:
            self._pending.keep()
        else:
            self._pending.discard()
