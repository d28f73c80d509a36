"""The run's log: JSON lines, the first says what the run is.

A line is written whole and flushed. On resume the lines after the checkpoint's step are dropped (with a line cut by
a kill), so that the log is that of one run.
"""

import json
import math
import os
import platform
import subprocess
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path
from streamdeq.reading import loads
from streamdeq.runtime.cache import processor_name
from streamdeq.training.events import FOLDER, Events
from streamdeq.version import __version__

NAME = "log.jsonl"


class RunLog:
    """Append-only; `step` in a line is the number of optimiser steps done when it was written.

    Args:
        tensorboard: write the numbers for TensorBoard too, into a folder beside the log.
    """

    def __init__(self, path: Path, tensorboard: bool = False) -> None:
        self.file = path.open("a", encoding="utf-8")
        past = lines(path)
        self.scores = [line["score"] for line in past if _scored(line)]
        self.events = Events(path.parent / FOLDER, past) if tensorboard else None

    @property
    def stale(self) -> int:
        """How many scores, of the last ones, are not above all before them."""
        best = max(range(len(self.scores)), key=self.scores.__getitem__, default=-1)
        return len(self.scores) - 1 - best

    @staticmethod
    def begin(path: Path, header: dict[str, Any], tensorboard: bool = False) -> "RunLog":
        """A new log whose first line is `header`."""
        with atomic_path(path) as part:
            part.write_text(json.dumps(header) + "\n", encoding="utf-8")
        return RunLog(path, tensorboard)

    @staticmethod
    def silent() -> "RunLog":
        """One that keeps nothing, for whoever trains along."""
        return RunLog(Path(os.devnull))

    @staticmethod
    def resume(path: Path, step: int, header: dict[str, Any], last: bool, tensorboard: bool = False) -> "RunLog":
        """The log as it was at `step`, with a line that says who goes on.

        The validation of the `last` step comes after its checkpoint: whoever goes on from there makes it again.
        """
        kept = [line for line in lines(path) if line.get("step", 0) <= step]
        if last:
            kept = [line for line in kept if (line.get("event"), line.get("step")) != ("validation", step)]
        kept.append({"event": "resumed", "step": step, **header})
        with atomic_path(path) as part:
            part.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        return RunLog(path, tensorboard)

    def write(self, line: dict[str, Any]) -> None:
        if _scored(line):
            self.scores.append(line["score"])
        try:
            self.file.write(json.dumps({name: _valid(value) for name, value in line.items()}) + "\n")
            self.file.flush()
        except OSError as error:
            raise StreamdeqError(
                f"cannot write {self.file.name}: {error.strerror}; the last checkpoint is kept: free some space and "
                "go on with --resume"
            ) from error
        if self.events is not None:
            self.events.write(line)

    def close(self) -> None:
        if self.events is not None:
            self.events.close()
        with suppress(OSError):  # a line that the disk had no room for has been told of
            self.file.close()


def _scored(line: dict[str, Any]) -> bool:
    return line.get("event") == "validation" and isinstance(line.get("score"), float) and math.isfinite(line["score"])


def _valid(value: Any) -> Any:
    """JSON has neither NaN nor infinity: the loss of a step that was skipped is null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def lines(path: Path) -> list[dict[str, Any]]:
    """Those of a log that can be read."""
    found = []
    if path.is_file():
        for text in path.read_text(encoding="utf-8", errors="replace").splitlines():
            with suppress(ValueError):  # cut by a kill, or damaged
                line = loads(text)
                if isinstance(line, dict) and isinstance(line.get("step", 0), int):
                    found.append(line)
    return found


def surroundings(device: torch.device) -> dict[str, Any]:
    """What the run runs on: versions, hardware, threads, commit (None outside a clone), UTC time."""
    return {
        "streamdeq": __version__,
        "torch": torch.__version__,
        "python": platform.python_version(),
        "machine": torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name(),
        "threads": torch.get_num_threads(),
        "commit": _commit(),
        "time_utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _commit() -> str | None:
    where = Path(__file__).parent
    try:
        run = ["git", "-C", str(where), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
        return subprocess.run(run, capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
