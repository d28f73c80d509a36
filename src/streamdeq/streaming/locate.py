"""Where boxes come from: a file, a function, a detector, whose answers have `boxes_xyxy`.

A file is JSON, `{"0": [[left, top, right, bottom], …], "1": …}` by frame number, or JSON lines as `streamdeq run`
writes them for a detector: `{"index": 0, "objects": [{"box_xyxy": […], "id": 3}, …]}`, ids where there are any. A frame
that is not in it has no boxes.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.reading import MOST_DIGITS, loads, read_text
from streamdeq.streaming.regions import Locate
from streamdeq.values.boxes import Located
from streamdeq.values.frame import Frame

NONE = Located(np.zeros((0, 4)))


class Locator(ABC):
    """Says where to look in the frames of one video, in order."""

    @abstractmethod
    def __call__(self, frame: Frame) -> Located: ...


@dataclass(frozen=True, eq=False)
class FromTable(Locator):
    """Boxes by frame number."""

    table: Mapping[int, Located]

    def __call__(self, frame: Frame) -> Located:
        return self.table.get(frame.index, NONE)

    def beyond(self, frames: int) -> int:
        """How many of the frames that have boxes a source with so many frames does not have."""
        return sum(number >= frames for number, located in self.table.items() if len(located.boxes_xyxy))


@dataclass(frozen=True, eq=False)
class FromFunction(Locator):
    """What a function of the picture (H, W, 3) gives: an array (N, 4), or an answer with `boxes_xyxy` and `ids`.

    A detector is such a function: its stream, and which of what it finds is looked at.
    """

    function: Callable[[np.ndarray], Any]

    def __call__(self, frame: Frame) -> Located:
        return given_as(self.function(frame.image))


class Shared(Locator):
    """One answer per frame, however many streams of the same video ask for it."""

    def __init__(self, locate: Locate) -> None:
        self._locate = locate
        self._frame: Frame | None = None
        self._located = NONE

    def __call__(self, frame: Frame) -> Located:
        if frame is not self._frame:
            self._frame, self._located = frame, self._locate(frame)
        return self._located


def given_locator(given: Any) -> Locator:
    """A function of the picture, or what is a locator already.

    Raises:
        StreamdeqError: neither.
    """
    if isinstance(given, Locator):
        return given
    if callable(given):
        return FromFunction(given)
    raise StreamdeqError(f"boxes: expected a file, a detection model or a function, got {type(given).__name__}")


def given_as(given: Any) -> Located:
    """Boxes as somebody's function gives them.

    Raises:
        StreamdeqError: neither an array (N, 4) nor an answer with `boxes_xyxy`.
    """
    boxes = getattr(given, "boxes_xyxy", None)
    if boxes is not None:
        return Located(boxes, getattr(given, "ids", None))
    try:
        return Located(np.asarray(given, np.float64).reshape(-1, 4))
    except (TypeError, ValueError) as error:
        got = f"an array {given.shape}" if isinstance(given, np.ndarray) else type(given).__name__
        raise StreamdeqError(f"boxes: expected an array (N, 4) or an answer with boxes_xyxy, got {got}") from error


def read_boxes(path: str | os.PathLike[str]) -> FromTable:
    """The boxes in a file.

    Raises:
        StreamdeqError: it cannot be read, is not as described above, or holds no box; names the line or frame.
    """
    read = FromTable(_table(Path(path)))
    if not any(len(located.boxes_xyxy) for located in read.table.values()):
        raise StreamdeqError(f"expected boxes in {path}, found none; without --boxes the whole frame is looked at")
    return read


def _table(path: Path) -> dict[int, Located]:
    try:
        text = read_text(path)
    except StreamdeqError as error:
        raise StreamdeqError(f"expected a file of boxes, {path} cannot be read: {error}") from error
    table: dict[int, Located] = {}
    if path.suffix == ".jsonl":
        for number, line in enumerate(text.splitlines(), start=1):
            where = f"line {number} of {path}"
            entry = _json(line, where) if line.strip() else {}
            if isinstance(entry, dict) and "objects" in entry:
                table[_whole(entry.get("index"), where)] = _located(entry["objects"], where)
        return table
    read = _json(text, str(path))
    if not isinstance(read, dict):
        raise StreamdeqError(f"expected an object from frame number to boxes in {path}, got {type(read).__name__}")
    for key, boxes in read.items():
        where = f"frame {key} of {path}"
        table[_whole(key, where)] = _located(boxes, where)
    return table


def _json(text: str, where: str) -> Any:
    try:
        return loads(text)
    except ValueError as error:
        raise StreamdeqError(f"expected JSON in {where}, got: {error}; correct it") from error


def _whole(value: Any, where: str) -> int:
    if not (str(value).isdecimal() and len(str(value)) <= MOST_DIGITS):
        raise StreamdeqError(f"expected a frame number in {where}, got {value!r}")
    return int(value)


def _located(listed: Any, where: str) -> Located:
    """From a list of boxes, or of objects with `box_xyxy` and perhaps `id`."""
    found = (
        [one if isinstance(one, dict) else {"box_xyxy": one} for one in listed] if isinstance(listed, list) else [{}]
    )
    ids = [one.get("id") for one in found]
    try:
        boxes = np.array([one["box_xyxy"] for one in found], np.float64).reshape(len(found), 4)
        numbers = np.array(ids, np.int64) if found and None not in ids else None
    except (KeyError, ValueError, TypeError, OverflowError) as error:
        raise StreamdeqError(f"expected boxes [left, top, right, bottom] in {where}, got {str(listed)[:80]}") from error
    for box in boxes:
        if not np.isfinite(box).all() or (box[2:] < box[:2]).any():
            hint = "x, y, width, height are no corners" if np.isfinite(box).all() else "NaN is no place"
            raise StreamdeqError(f"expected [left, top, right, bottom] in {where}, got {box.tolist()}: {hint}")
    return Located(boxes, numbers)
