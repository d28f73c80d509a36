"""Files that appear under their final name only when they are whole."""

import os
import re
import secrets
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from streamdeq.errors import CONTROLS, StreamdeqError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

#: Held by the process that works in a folder; empty, and gone when it ends in order.
LOCK = ".lock"


class TakenError(StreamdeqError):
    """Somebody else works in a folder."""


@contextmanager
def atomic_path(final: str | os.PathLike[str], *, visible: bool = False) -> Iterator[Path]:
    """Yield a path beside `final`, a new empty file, to write to; rename it on success, remove it on failure.

    The temporary name keeps the suffix (writers choose their format by it) and starts with a dot, unless it is to be
    `visible`, for it is of use before it is whole. Nobody else has it: it is drawn by lot, and made anew.

    Raises:
        StreamdeqError: when the folder cannot be made or written to.
    """
    final = Path(final)
    ensure_folder(final.parent)
    part, file = _new_part(final, f"{final.stem}.unfinished" if visible else f".{final.stem}.part")
    try:
        if fcntl is None:
            os.close(file)  # there, what is open cannot be renamed
        yield part
        os.replace(part, final)
    finally:
        part.unlink(missing_ok=True)
        if fcntl is not None:
            os.close(file)


def _new_part(final: Path, name: str) -> tuple[Path, int]:
    """A new file and its descriptor, which holds a lock that says that its writer lives."""
    while True:
        part = final.with_name(f"{name}-{secrets.token_hex(4)}{final.suffix}")
        file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o666)
        if fcntl is None:
            return part, file
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file).st_nlink:  # else it was swept away before it was locked
            return part, file
        os.close(file)


def sweep(folder: str | os.PathLike[str]) -> None:
    """Remove what killed processes left half-written in `folder`: temporary files whose writer is no more."""
    if fcntl is None:
        return
    folder = Path(folder)
    for path in (*folder.glob(".*.part-*"), *folder.glob("*.unfinished-*")):
        if re.search(r"\.(?:part|unfinished)-[0-9a-f]{8}(\.[^.]*)?$", path.name):
            _if_abandoned(path, partial(path.unlink, missing_ok=True))


def _if_abandoned(lock: Path, remove: Callable[[], object]) -> None:
    """`remove` what belongs to the process that locked `lock`, if that is no more; nothing if there is no such file."""
    assert fcntl is not None
    with suppress(OSError):  # its writer lives, or it is not ours
        file = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove()
        finally:
            os.close(file)


@contextmanager
def held(folder: str | os.PathLike[str], doing: str, otherwise: str) -> Iterator[Path]:
    """Make `folder`; nobody else holds it while the block lasts. A process that was killed holds nothing.

    Args:
        doing, otherwise: for the message: "another process DOING FOLDER; wait for its end, or choose OTHERWISE".

    Raises:
        StreamdeqError: the folder cannot be written to; `TakenError`: somebody holds it.
    """
    from filelock import FileLock, Timeout  # the list of commands does without

    path = ensure_folder(folder) / LOCK
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise TakenError(f"another process {doing} {folder}; wait for its end, or choose {otherwise}") from error
    except (OSError, NotImplementedError) as error:
        raise StreamdeqError(f"cannot lock {folder} for this run alone: {error}; choose {otherwise}") from error
    try:
        yield path.parent
    finally:
        with suppress(OSError):
            path.unlink()  # while it is held; who waits for the file that it was sees that it is gone
        lock.release()


def shown(text: str) -> str:
    """Text from outside as it may stand in a terminal, a page, JSON or a new file's name.

    Bytes of a name that are no UTF-8, and characters that control a terminal, become "\ufffd".
    """
    return CONTROLS.sub("\ufffd", text)


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


def cache_folder() -> Path:
    """`$STREAMDEQ_CACHE`, or `streamdeq` in what the system has for the caches of its user."""
    if own := os.environ.get("STREAMDEQ_CACHE"):
        return Path(own)
    usual = {"darwin": Path.home() / "Library/Caches", "win32": Path(os.environ.get("LOCALAPPDATA", Path.home()))}
    given = os.environ.get("XDG_CACHE_HOME")
    return (Path(given) if given else usual.get(sys.platform, Path.home() / ".cache")) / "streamdeq"


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder` that takes its place when the block is done, and is gone if it fails.

    What killed processes left half-written for the same name is removed first.
    """
    ensure_folder(folder.parent)
    _sweep_parts_of(folder)
    part = folder.with_name(f".{folder.name}.part-{secrets.token_hex(4)}")
    part.mkdir()
    lock = os.open(part / LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        if fcntl is None:
            os.close(lock)  # there, what is open cannot be renamed
        else:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(lock, fcntl.LOCK_EX)
        yield part
        (part / LOCK).unlink(missing_ok=True)
        if folder.exists():
            folder.rmdir()  # it is empty, or somebody else's by now
        part.rename(folder)
    except OSError as error:
        raise StreamdeqError(f"cannot write to {folder}: {error.strerror or error}; choose another") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if fcntl is not None:
            os.close(lock)


def _sweep_parts_of(folder: Path) -> None:
    if fcntl is None:
        return
    for part in folder.parent.iterdir():
        if re.fullmatch(rf"\.{re.escape(folder.name)}\.part-[0-9a-f]{{8}}", part.name):
            _if_abandoned(part / LOCK, partial(shutil.rmtree, part))
