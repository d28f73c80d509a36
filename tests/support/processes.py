"""What processes there are, on Linux."""

import os
from pathlib import Path


def children(parent: int, word: str) -> list[int]:
    """The children of a process whose command line has a word."""
    return [pid for pid in every(word) if parent_of(pid) == parent]


def every(word: str) -> list[int]:
    """All processes whose command line has a word."""
    return [int(name) for name in os.listdir("/proc") if name.isdecimal() and word in command(int(name))]


def alive(pid: int) -> bool:
    """Whether it is there and has not ended unnoticed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def parent_of(pid: int) -> int:
    """0 if it is gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
