"""Sources that can be read once (pipes, FIFOs, web servers without ranges), as files that FFmpeg can read."""

from __future__ import annotations

import io
import os
import select
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from streamdeq.errors import StreamdeqError

# So long a pipe may give nothing before its first byte.
FIRST_BYTE_S = 30.0
HEAD_BYTES = 65_536
CHUNK_BYTES = 1 << 20

Read = Callable[[int], bytes]


class ReadOnce(io.RawIOBase):
    """What `read` gives, from its first byte on; where the container needs it, kept in a temporary file to seek in.

    Only an mp4 whose index comes after its pictures needs that. Anything else is read as it comes, and may be endless.

    Args:
        read: up to so many bytes; waits for at least one; b"" at the end.
        release: gives back what it reads from.

    Attributes:
        head: the first bytes.
    """

    def __init__(self, read: Read, release: Callable[[], None]) -> None:
        self._source = read
        self._release = release
        self.head = b""
        while len(self.head) < (HEAD_BYTES if self.head[4:8] == b"ftyp" else 12) and (part := read(HEAD_BYTES)):
            self.head += part
        self._kept = tempfile.TemporaryFile() if index_at_end(self.head) else None  # noqa: SIM115  (see `close`)
        self._ahead = self.head
        self._position = self._size = 0
        self._ended = False

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._kept is not None

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if self._kept is None:
            raise io.UnsupportedOperation("seek")
        if whence == os.SEEK_END:
            while not self._ended:
                self._pull(CHUNK_BYTES)
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def read(self, size: int = -1) -> bytes:  # pyright: ignore[reportIncompatibleMethodOverride]
        if self._kept is None:
            return self._next(size)
        while self._size < self._position + size and not self._ended:
            self._pull(max(size, CHUNK_BYTES))
        self._kept.seek(self._position)
        data = self._kept.read(size)
        self._position += len(data)
        return data

    def close(self) -> None:
        if self.closed:
            return
        super().close()
        self._release()
        if self._kept is not None:
            self._kept.close()

    def _pull(self, size: int) -> None:
        data = self._next(size)
        self._ended = not data
        if self._kept is not None:
            self._kept.seek(self._size)
            self._size += self._kept.write(data)

    def _next(self, size: int) -> bytes:
        if self._ahead:
            data, self._ahead = self._ahead[:size], self._ahead[size:]
            return data
        return self._source(size)


def index_at_end(head: bytes) -> bool:
    """Whether these are the first bytes of an mp4 whose pictures come before its index."""
    start = 0
    while head[4:8] == b"ftyp" and start + 8 <= len(head):
        size, kind = int.from_bytes(head[start : start + 4]), head[start + 4 : start + 8]
        if kind in (b"moov", b"mdat"):
            return kind == b"mdat"
        if size < 8:
            return size == 1  # a box of more than 4 GB: no index is that large
        start += size
    return False


def is_read_once(name: str) -> bool:
    """Whether `name` is a pipe or the like: there, and neither a folder nor a file nor a camera's device."""
    if name == "-":
        return not os.path.lexists("-")
    try:
        mode = os.stat(name).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or (stat.S_ISCHR(mode) and not name.startswith("/dev/video"))


def open_pipe(name: str) -> ReadOnce:
    """Open a pipe by its name; "-" is standard input.

    Raises:
        StreamdeqError: it cannot be read, or nothing comes.
    """
    try:
        # Without waiting for who writes to it: that is done below, and not for ever.
        file = os.dup(0) if name == "-" else os.open(name, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(file, True)
    except OSError as error:
        raise StreamdeqError(f"cannot read {name}: {error.strerror}; check that something writes to it") from error
    if os.isatty(file):
        os.close(file)
        raise StreamdeqError(f"{name} is a terminal: pipe a video into it (… | streamdeq run -), or name a file")
    waiting = select.poll()
    waiting.register(file, select.POLLIN)
    events = waiting.poll(FIRST_BYTE_S * 1000)
    if not events:
        os.close(file)
        raise StreamdeqError(f"nothing came through {name} for {FIRST_BYTE_S:.0f} s: start what writes to it first")
    pipe = ReadOnce(lambda size: os.read(file, size), lambda: os.close(file))
    if not pipe.head:
        pipe.close()
        raise StreamdeqError(f"nothing came through {name} (0 bytes): check what writes to it")
    return pipe


def pipe_name(name: str) -> str:
    """What its output is called."""
    short = Path(name).name
    return "stdin" if name == "-" else "pipe" if short.isdecimal() else short
