"""What comes from outside is read here, within bounds: whole files of a known most, and JSON of a known most of depth.

A file is a regular one, and no larger than what its kind ever needs.
Text has no number of more than `MOST_DIGITS` digits: Python refuses to convert one of 4,300, and none is meant.
"""

import json
import os
import re
import stat
from errno import EINVAL
from pathlib import Path
from typing import IO, Any

from streamdeq.errors import StreamdeqError

#: Bytes of a text file; of digits and depth several times what any file in use has.
MOST_TEXT, MOST_DIGITS, MOST_DEPTH = 256_000_000, 1000, 64

_TOO_LONG = re.compile(rf"\d{{{MOST_DIGITS + 1}}}")
_STRING = re.compile(rb'"[^"]*+"?')
_OTHER_THAN_BRACKETS = bytes({*range(256)} - {*b'[]{}"'})


def other_than_file(path: str | os.PathLike[str]) -> str:
    """What there is in place of a regular file, or of the one that a link leads to; empty for that.

    Raises:
        OSError: there is nothing.
        ValueError: there can be nothing of that name.
    """
    mode = os.stat(path).st_mode
    kinds = {"": stat.S_ISREG, "a folder": stat.S_ISDIR, "a pipe": stat.S_ISFIFO, "a socket": stat.S_ISSOCK}
    return next((kind for kind, fits in kinds.items() if fits(mode)), "a device")


def check_regular(path: str | os.PathLike[str]) -> None:
    """Raise StreamdeqError where there is no file, or something else: a pipe is waited for, a device is endless."""
    try:
        kind = other_than_file(path)
    except (OSError, ValueError) as error:
        raise StreamdeqError(f"cannot read {path}: {getattr(error, 'strerror', None) or error}") from error
    if kind:
        raise StreamdeqError(f"expected a file at {path}, got {kind}; give another")


def open_regular(path: str | os.PathLike[str]) -> IO[bytes]:
    """A regular file to read from; OSError as `open`, also for what is none."""
    if kind := other_than_file(path):
        raise OSError(EINVAL, kind, str(path))
    return open(path, "rb")


def read_bytes(path: str | os.PathLike[str], most: int = MOST_TEXT) -> bytes:
    """All of a regular file.

    Raises:
        StreamdeqError: it is none, cannot be read, or has more than `most` bytes.
    """
    check_regular(path)
    try:
        with open(path, "rb") as file:
            content = file.read(most + 1)  # whatever the size says: it may grow meanwhile
    except OSError as error:
        raise StreamdeqError(f"cannot read {path}: {error.strerror}; check its permissions") from error
    if len(content) > most:
        raise StreamdeqError(f"expected at most {most:,} bytes in {path}, got more; is it another file?")
    return content


def read_text(path: str | os.PathLike[str], most: int = MOST_TEXT) -> str:
    """The UTF-8 text in a regular file, with or without a byte order mark.

    Raises:
        StreamdeqError: as `read_bytes`; it is no such text, or has a number that none is meant by.
    """
    text = decoded(read_bytes(path, most), path)
    if (long := _TOO_LONG.search(text)) is not None:
        line = text.count("\n", 0, long.start()) + 1
        raise StreamdeqError(
            f"expected numbers of at most {MOST_DIGITS} digits in {path}, line {line}, got more; correct it"
        )
    return text


def decoded(content: bytes, path: str | os.PathLike[str]) -> str:
    """UTF-8, with or without a byte order mark."""
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise StreamdeqError(
            f"expected UTF-8 text in {Path(path)}, got byte {error.start} that is none; save it so"
        ) from error


def loads(text: str, finite: bool = False) -> Any:
    """What JSON from outside says, as Python's own values; NaN and infinity, which Python writes, unless `finite`.

    Raises:
        ValueError: it is none (`json.JSONDecodeError`), is nested more than `MOST_DEPTH` deep, or has a number of more
            than `MOST_DIGITS` digits.
    """
    check_depth(text.encode("utf-8", "surrogatepass"))
    return json.loads(text, parse_int=_whole, parse_constant=_no_number if finite else None)


def _whole(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a number of more than {MOST_DIGITS} digits")
    return int(digits)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def check_depth(content: bytes) -> None:
    """Raise ValueError where JSON is nested more than `MOST_DEPTH` deep; in what is no JSON, perhaps."""
    if b"\\" in content:
        content = content.replace(b"\\\\", b"").replace(b'\\"', b"")
    # Most strings are but their quotes by now. Where two quotes are taken away, nothing else comes into or out of one.
    brackets = _STRING.sub(b"", content.translate(None, _OTHER_THAN_BRACKETS).replace(b'""', b""))
    for _ in range(MOST_DEPTH):  # each round takes the innermost pairs away
        brackets = brackets.replace(b"[]", b"").replace(b"{}", b"")
    # A few that do not match cannot hurt, and what is no JSON is told better by its reader.
    if b"[]" in brackets or b"{}" in brackets or len(brackets) > MOST_DEPTH:
        raise ValueError(f"lists or objects more than {MOST_DEPTH} deep, or that do not end")
