"""Write records as JSON lines: one object per line, compact, valid for every reader."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from streamdeq.video.sinks.base import Sink
from streamdeq.video.sinks.lines import LinesSink


class JsonLinesSink(Sink[Mapping[str, Any]]):
    """Each record becomes one line. Floats keep a millionth or six digits, whichever is finer; NaN and infinity
    become null; numpy scalars and arrays become numbers and lists."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._lines = LinesSink(path, keep_empty=False)

    def write(self, item: Mapping[str, Any]) -> None:
        self._lines.write([json.dumps(plain(item), ensure_ascii=False, allow_nan=False, separators=(",", ":"))])

    def close(self) -> None:
        self._lines.close()


def plain(value: Any) -> Any:
    """`value` in the types JSON has."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return rounded(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def rounded(value: float) -> float | None:
    if not math.isfinite(value):
        return None
    return round(value, 6) if abs(value) >= 1 else float(f"{value:.6g}")
