"""A run's log for TensorBoard: every number of its lines over the step. The extra `tensorboard`."""

import math
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

FOLDER = "tensorboard"


class Events:
    """Written anew from the lines there are, so that a resumed run's curves are those of one run.

    Args:
        folder: gets the event file; what is in it is replaced.
        lines: of the log so far.
    """

    def __init__(self, folder: Path, lines: Iterable[dict[str, Any]]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        shutil.rmtree(folder, ignore_errors=True)
        self._writer = SummaryWriter(str(folder), flush_secs=10)
        for line in lines:
            self.write(line)

    def write(self, line: dict[str, Any]) -> None:
        """A step's numbers under `train`, those of a validation under `validation`; other lines are none."""
        event = line.get("event", "train")
        if event in ("train", "validation"):
            for name, value in _numbers(line, event):
                self._writer.add_scalar(name, value, line["step"])

    def close(self) -> None:
        self._writer.close()


def _numbers(values: dict[str, Any], place: str) -> Iterator[tuple[str, float]]:
    """The finite ones, by their place; `step` is the axis."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _numbers(value, f"{place}/{name}")
        elif isinstance(value, int | float) and not isinstance(value, bool) and name != "step" and math.isfinite(value):
            yield f"{place}/{name}", float(value)
