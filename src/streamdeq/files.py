"""Files that appear under their final name only when they are whole."""

import io
import os
import re
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streamdeq.errors import StreamdeqError


@contextmanager
def atomic_path(final: str | os.PathLike[str], *, visible: bool = False) -> Iterator[Path]:
    """Yield a path beside `final` to write to; rename it to `final` on success, remove it on failure.

    The temporary name keeps the suffix (writers choose their format by it) and starts with a dot, unless it is to be
    `visible`, for it is of use before it is whole.

    Raises:
        StreamdeqError: when the folder cannot be made or written to.
    """
    final = Path(final)
    name = f"{final.stem}.unfinished" if visible else f".{final.stem}.part"
    part = final.with_name(f"{name}-{os.getpid()}{final.suffix}")
    ensure_folder(final.parent)
    try:
        yield part
        os.replace(part, final)
    finally:
        part.unlink(missing_ok=True)


def sweep(folder: str | os.PathLike[str]) -> None:
    """Remove what killed processes left half-written in `folder`: temporary files whose writer is no more."""
    folder = Path(folder)
    for path in (*folder.glob(".*.part-*"), *folder.glob("*.unfinished-*")):
        writer = re.search(r"\.(?:part|unfinished)-(\d+)(\.[^.]*)?$", path.name)
        if writer and not _runs(int(writer[1])):
            path.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # signal 0 asks and does nothing
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True


def shown(text: str) -> str:
    """Text from outside as it may stand in a terminal, a page, JSON or a new file's name.

    Bytes of a name that are no UTF-8, and characters that control a terminal, become "\ufffd".
    """
    return "".join("\ufffd" if unicodedata.category(sign) in ("Cc", "Cs") else sign for sign in text)


def ensure_standard_files() -> None:
    """What the shell has closed of input, output and errors leads nowhere; no letter is an error to write."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Paths come out as the bytes that they are, where letters are written as UTF-8.
        escape = sys.stdout.encoding.lower().replace("-", "") == "utf8"
        sys.stdout.reconfigure(errors="surrogateescape" if escape else "replace")


def ensure_folder(folder: str | os.PathLike[str]) -> Path:
    """Make `folder` (and parents) and check that files can be made in it."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StreamdeqError(f"cannot write to {folder}: {error.strerror}; choose another folder") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StreamdeqError(f"cannot write to {folder}: permission denied; choose another folder")
    return folder
