"""Files that appear under their final name only when they are whole."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streamdeq.errors import StreamdeqError


@contextmanager
def atomic_path(final: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a path beside `final` to write to; rename it to `final` on success, remove it on failure.

    The temporary name keeps the suffix (writers choose their format by it) and starts with a dot.

    Raises:
        StreamdeqError: when the folder cannot be made or written to.
    """
    final = Path(final)
    part = final.with_name(f".{final.stem}.part-{os.getpid()}{final.suffix}")
    ensure_folder(final.parent)
    try:
        yield part
        os.replace(part, final)
    finally:
        part.unlink(missing_ok=True)


def sweep(folder: str | os.PathLike[str]) -> None:
    """Remove what killed processes left half-written in `folder`: temporary files whose writer is no more."""
    for path in Path(folder).glob(".*.part-*"):
        writer = re.search(r"\.part-(\d+)(\.[^.]*)?$", path.name)
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
