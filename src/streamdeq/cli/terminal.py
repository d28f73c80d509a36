"""Standard output and errors: whoever reads them decides nothing, and text from outside cannot steer a terminal."""

import io
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from streamdeq.files import shown


def say(*lines: object, err: bool = False) -> None:
    """Print lines of text, whatever names are in them; paths as they are, for others to use."""
    for line in lines:
        typer.echo(line if isinstance(line, Path) else shown(str(line)), err=err)


def teller(command: str, *, silent: bool = False) -> Callable[[str], None]:
    """Notes of a command, to standard error; none if it is to be `silent`."""
    return lambda note: None if silent else say(f"{command}: {note}", err=True)


def ensure_standard_files() -> None:
    """What the shell has closed of input, output and errors leads nowhere; no letter and no reader is an error."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = _lenient(1, sys.stdout)
    sys.stderr = _lenient(2, sys.stderr)


def _lenient(number: int, stream: Any) -> io.TextIOWrapper:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    errors = "backslashreplace"
    if number == 1:
        # Paths come out as the bytes that they are, where letters are written as UTF-8.
        errors = "surrogateescape" if encoding.lower().replace("-", "") == "utf8" else "replace"
    buffer = io.BufferedWriter(_Lenient(number, "w", closefd=False))
    return io.TextIOWrapper(buffer, encoding, errors, line_buffering=number == 2 or os.isatty(number))


class _Lenient(io.FileIO):
    """A file to which nothing is an error to write: what nobody reads, or has no room, is dropped."""

    def write(self, data: Any) -> int:
        try:
            while (written := super().write(data)) is None:  # a pipe that must not block, and is full
                select.select([], [self], [])
            return written
        except OSError:
            return memoryview(data).nbytes
