"""Make `.venv`: the newest torch pair of PyPI, this package (editable), and the tools that judge it.

Knows the standard library only, so that any Python ≥ 3.11 can run it on a machine that has nothing else. It may
be run again (quick when nothing changed), by two makes at once (the second waits), and after one that was cut
short (starts over).
"""

import fcntl
import hashlib
import os
import subprocess
import sys
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".made-from"
UNFINISHED = "unfinished"


def main() -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 - this file meets Pythons that the package does not
        return _fail("needs Python 3.11 or newer; say which: make env PYTHON=python3.12")
    with _lock():
        wanted = _recipe()
        made_from = STAMP.read_text() if STAMP.exists() else ""
        whole = _works() and made_from != UNFINISHED
        if whole and made_from == wanted:
            return 0
        try:
            _make(fresh=not whole, made_from=made_from, wanted=wanted)
        except subprocess.CalledProcessError as error:
            return _fail(f"'{' '.join(map(str, error.cmd))}' failed with exit code {error.returncode}")
    return 0


def _recipe() -> str:
    """What `.venv` is made from: it is brought up to date when this changes."""
    parts = [(ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt")]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()


def _works() -> bool:
    """Whether `.venv` runs, has pip, and was made at this path (its scripts hold the path of its Python)."""
    try:
        made_here = str(VENV) in (VENV / "bin" / "pip").read_text()[:400]
        pip = subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True)
    except OSError:
        return False
    return made_here and pip.returncode == 0


def _make(*, fresh: bool, made_from: str, wanted: str) -> None:
    start = time.monotonic()
    if fresh:
        made_from = ""
        _say(f"making {VENV} with Python {sys.version.split()[0]}")
        venv.create(VENV, clear=True, with_pip=True)
    # The mark tells a killed install from a whole one; an error that is reported puts the old state back.
    STAMP.write_text(UNFINISHED)
    try:
        _install()
    except subprocess.CalledProcessError:
        STAMP.write_text(made_from)
        raise
    STAMP.write_text(wanted)
    _say(f"ready after {time.monotonic() - start:.0f} s")


def _install() -> None:
    """uv by pip, the rest by uv: it resolves the whole set at once and links files from its cache."""
    _run(PYTHON, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "uv>=0.8")
    _say("installing torch, torchvision, streamdeq and its tools (6 GB; the first time they are downloaded)")
    quiet = [] if sys.stderr.isatty() else ["--quiet"]
    target = ["--python", str(PYTHON), "--constraint", "constraints.txt"]
    # Bytecode: importing torch takes twice as long without, and the tests start many processes.
    install = [VENV / "bin" / "uv", "pip", "install", *quiet, *target, "--compile-bytecode"]
    _run(*install, "--editable", ".", "--group", "dev")
    _run(*install, "--no-deps", "--group", "bare")


def _run(*command: str | Path) -> None:
    environment = {"UV_HTTP_TIMEOUT": "300", **os.environ}
    subprocess.run(command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, check=True)


@contextmanager
def _lock() -> Iterator[None]:
    """One make at a time; the system lets go of the lock when its holder dies."""
    with open(__file__) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("waiting for another make that is at work on .venv")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _say(message: str) -> None:
    print(f"env: {message}", flush=True)


def _fail(message: str) -> int:
    print(f"env: {message}", file=sys.stderr, flush=True)
    return 1


if __name__ == "__main__":
    sys.exit(main())
