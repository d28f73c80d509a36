"""The run's log: JSON lines, the first says what the run is. Knows no network.

A line is written whole and flushed. On resume the lines after the checkpoint's step are dropped (with a line cut by
a kill), so that the log is that of one run.
"""

import json
import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

import streamdeq
from streamdeq.files import atomic_path

NAME = "log.jsonl"


class RunLog:
    """Append-only; `step` in a line is the number of optimiser steps done when it was written."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("a", encoding="utf-8")

    @staticmethod
    def begin(path: Path, header: dict[str, Any]) -> "RunLog":
        """A new log whose first line is `header`."""
        with atomic_path(path) as part:
            part.write_text(json.dumps(header) + "\n", encoding="utf-8")
        return RunLog(path)

    @staticmethod
    def silent() -> "RunLog":
        """One that keeps nothing, for whoever trains along."""
        return RunLog(Path(os.devnull))

    @staticmethod
    def resume(path: Path, step: int, header: dict[str, Any]) -> "RunLog":
        """The log as it was at `step`, with a line that says who goes on."""
        kept = [line for line in _lines(path) if line.get("step", 0) <= step]
        kept.append({"event": "resumed", "step": step, **header})
        with atomic_path(path) as part:
            part.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        return RunLog(path)

    def write(self, line: dict[str, Any]) -> None:
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()

    def close(self) -> None:
        self.file.close()


def _lines(path: Path) -> list[dict[str, Any]]:
    lines = []
    if path.is_file():
        for text in path.read_text(encoding="utf-8").splitlines():
            try:
                lines.append(json.loads(text))
            except ValueError:
                continue  # cut by a kill
    return lines


def surroundings(device: torch.device) -> dict[str, Any]:
    """What the run runs on: versions, hardware, threads, commit (None outside a clone), UTC time."""
    return {
        "streamdeq": streamdeq.__version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": torch.cuda.get_device_name(device) if device.type == "cuda" else _processor(),
        "threads": torch.get_num_threads(),
        "commit": _commit(),
        "time_utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _commit() -> str | None:
    where = Path(__file__).parent
    try:
        run = ["git", "-C", str(where), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
        return subprocess.run(run, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
