"""Where what was prepared and measured for this machine is kept between runs."""

import hashlib
import os
import platform
import re
import shutil
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import torch

from streamdeq.files import cache_folder, ensure_folder
from streamdeq.runtime.executor import HW
from streamdeq.runtime.functions import Functions
from streamdeq.runtime.kinds import EXECUTORS
from streamdeq.version import __version__

#: Folders kept; the one that was not asked for longest goes first.
MOST = 24
#: Of what executors prepare: with another number, what was prepared before is made anew.
PREPARED = 2


def folder_of(name: str, functions: Functions, canvas_hw: HW, rows: int) -> Path:
    """For one way to compute these functions, on this machine, with what is installed: made, and marked as used.

    Raises:
        StreamdeqError: it cannot be written to.
    """
    told = (
        (name, PREPARED, EXECUTORS[name].version(), __version__, torch.__version__, sys.version),
        (processor_name(), platform.machine(), functions.threads, str(functions.device)),
        (str(functions.dtype), canvas_hw, rows, functions.digest),
    )
    whole = ensure_folder(cache_folder() / "runtime")
    whole.chmod(0o700)  # what is loaded from here runs
    folder = ensure_folder(whole / f"{name}-{hashed(told)}")
    os.utime(folder)
    for old in all_but_newest(MOST, filter(Path.is_dir, whole.iterdir())):
        shutil.rmtree(old, ignore_errors=True)
    return folder


def hashed(told: object) -> str:
    """A name for what is kept: another one where anything of this is another."""
    return hashlib.sha256(repr(told).encode()).hexdigest()[:24]


def all_but_newest(kept: int, paths: Iterable[Path]) -> list[Path]:
    return sorted(paths, key=lambda path: path.stat().st_mtime)[:-kept]


@cache
def processor_name() -> str:
    """As the system calls it; Python's own answer is empty on Linux."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()
