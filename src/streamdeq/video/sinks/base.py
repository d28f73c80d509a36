"""The base class of sinks, and a file that gets its name only when it is whole."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Generic, Self, TypeVar

from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path

T = TypeVar("T")


class Sink(ABC, Generic[T]):
    """Takes items one by one; closed by `with` or by hand, also after an error or Ctrl-C: what was written by then
    becomes a whole file. Without any item no file appears.

    Raises:
        StreamdeqError: at once, if nothing can be written there; later, if the disk is full.
    """

    @abstractmethod
    def write(self, item: T) -> None: ...

    @abstractmethod
    def close(self) -> None:
        """Finish the file and give it its name. May be called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except StreamdeqError:
            # The first error is the one to hear of.
            if error is None:
                raise


class PendingFile:
    """A file being written under a temporary name beside its final one.

    Args:
        visible: as in `atomic_path`.

    Attributes:
        path: where to write; exists, empty, from the start, which proves that it can be written.
        final: its name once `keep` is called: `NAME-2`, or `NAME-3`, …, where another file was put there meanwhile.
        kept: whether it has it.
    """

    def __init__(self, final: str | os.PathLike[str], *, visible: bool = False) -> None:
        self.final = Path(final)
        if os.path.isdir(self.final):
            raise StreamdeqError(f"cannot write {self.final}: it is a folder; choose a file name")
        self._found = _identity(self.final)
        self._stack, self.kept = ExitStack(), False
        try:
            self.path = self._stack.enter_context(atomic_path(self.final, visible=visible))
        except OSError as error:
            raise StreamdeqError(unwritable(self.final, error.strerror)) from error

    def keep(self) -> None:
        """Give it its name; a second time does nothing. Who writes to it may go on."""
        if self.kept:
            return
        try:
            if _identity(self.final) in (None, self._found):
                self._stack.close()
            else:
                self.final = _free_name(self.final)
                os.replace(self.path, self.final)
                self.discard()
        except OSError as error:
            raise StreamdeqError(unwritable(self.final, error.strerror)) from error
        self.kept = True

    def discard(self) -> None:
        # What removes the temporary file is leaving its context with an error.
        with suppress(OSError):
            self._stack.__exit__(InterruptedError, InterruptedError(), None)


def _free_name(final: Path) -> Path:
    """A new empty file, `NAME-2` or the first after it that there is none of: nobody else has that name."""
    return next(free for number in count(2) if _made(free := final.with_stem(f"{final.stem}-{number}")))


def _made(path: Path) -> bool:
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        return True
    return False


def _identity(path: Path) -> tuple[int, ...] | None:
    """What tells the file at `path` from another, or from itself when it was written to; None where there is none."""
    with suppress(OSError):
        told = os.lstat(path)
        return told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns
    return None


def unwritable(final: Path, reason: str | None) -> str:
    return f"cannot write {final}: {reason or 'unknown reason'}; free some space or choose another place"
