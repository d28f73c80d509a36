"""Write lines of text to a file."""

from __future__ import annotations

import os
from collections.abc import Sequence

from streamdeq.errors import StreamdeqError
from streamdeq.video.sinks.base import PendingFile, Sink, unwritable


class LinesSink(Sink[Sequence[str]]):
    """Each item is as many lines as it has. Of a file without any, `keep_empty` says whether it is kept: nothing was
    found."""

    def __init__(self, path: str | os.PathLike[str], *, keep_empty: bool = True) -> None:
        self._pending = PendingFile(path)
        self._keep = keep_empty
        self._file = self._pending.path.open("w", encoding="utf-8", newline="\n")

    def write(self, item: Sequence[str]) -> None:
        try:
            self._file.writelines(f"{line}\n" for line in item)
        except OSError as error:
            raise StreamdeqError(unwritable(self._pending.final, error.strerror)) from error
        self._keep = self._keep or bool(item)

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
