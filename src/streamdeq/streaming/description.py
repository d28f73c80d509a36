"""What a state file says beside its tensors: a schema with bounds, checked before anything is built of it."""

from base64 import b64decode, b64encode
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from math import isnan
from typing import Any

import numpy as np

from streamdeq.codec import flatten
from streamdeq.errors import StreamdeqError
from streamdeq.models.architecture import Architecture
from streamdeq.models.spec import MOST_ITERATIONS, MOST_NAME
from streamdeq.streaming.engine import Row
from streamdeq.streaming.options import StreamOptions
from streamdeq.streaming.regions import Followed
from streamdeq.values import MAX_PIXELS
from streamdeq.values.geometry import HW, Geometry, Window
from streamdeq.values.status import Status

#: Pixels of a side, and any other number: more is damage, or an attack on the memory.
MOST_PIXELS, MOST = 65_536, 1e12


def require(holds: bool, what: str) -> None:
    """Raise StreamdeqError unless it holds."""
    if not holds:
        raise StreamdeqError(f"expected {what}")


@dataclass(frozen=True)
class Sizes:
    """Of a row's geometry."""

    frame_hw: HW
    content_hw: HW
    canvas_hw: HW

    def __post_init__(self) -> None:
        sides = (*self.frame_hw, *self.content_hw, *self.canvas_hw)
        require(all(1 <= side <= MOST_PIXELS for side in sides), f"sides of 1 to {MOST_PIXELS} pixels")
        require(self.frame_hw[0] * self.frame_hw[1] <= MAX_PIXELS, f"a frame of at most {MAX_PIXELS} pixels")


@dataclass(frozen=True)
class DescribedRow:
    """A row without its tensors."""

    geometry: Sizes
    window: Window | None
    status: Status
    evaluations: int
    poisoned: bool

    def __post_init__(self) -> None:
        if self.window is not None:
            places = vars(self.window).values()
            require(all(abs(place) <= MOST_PIXELS for place in places), f"a window within {MOST_PIXELS} pixels")
            require(self.window.hw[0] * self.window.hw[1] <= 2 * MAX_PIXELS, "a window not much larger than a frame")
        (h, w), content = self.window.hw if self.window else self.geometry.frame_hw, self.geometry.content_hw
        # One scale for both axes, each length rounded.
        require(abs(content[0] * w - content[1] * h) <= h + w, "a content of the proportions of what is seen")
        told = {
            name: value for name, value in vars(self.status).items() if name not in ("residual", "change")
        }  # may be NaN
        numbers = [value for value in told.values() if isinstance(value, int | float)]
        require(all(-MOST <= number <= MOST for number in numbers), "finite numbers in the status")
        require(0 <= self.evaluations <= self.status.nfe, "evaluations of 0 to those of the frame")

    @staticmethod
    def of(row: Row) -> "DescribedRow":
        geometry, status = row.geometry, row.status
        assert geometry is not None  # a row with content has seen a frame
        assert status is not None
        sizes = Sizes(geometry.frame_hw, geometry.content_hw, geometry.canvas_hw)
        return DescribedRow(sizes, geometry.window, status, row.evaluations, row.forgets)

    def row(self) -> Row:
        geometry = Geometry(**vars(self.geometry), window=self.window)
        return Row(geometry=geometry, status=self.status, evaluations=self.evaluations, forgets=self.poisoned)

    def shapes(self, architecture: Architecture) -> tuple[tuple[int, int, int], ...]:
        """(C, H, W) of every scale; StreamdeqError for a canvas that the architecture does not have."""
        lengths = zip(self.geometry.content_hw, self.geometry.canvas_hw, strict=True)
        require(all(0 <= c - length < architecture.stride for length, c in lengths), "a canvas around its content")
        return architecture.shapes(self.geometry.canvas_hw)


@dataclass(frozen=True)
class Description:
    """All of it, in JSON; `value` is what the budget remembers, `seen` what the cut detector does."""

    architecture: str
    options: StreamOptions
    rows: tuple[DescribedRow, ...]
    followed: Followed | None
    value: tuple[float, ...]
    seen: tuple[float, ...] | tuple[int, int, str] | None
    next_index: int

    def __post_init__(self) -> None:
        options = self.options
        require(
            max(options.iterations or 1, options.cut_iterations) <= MOST_ITERATIONS,
            f"at most {MOST_ITERATIONS} iterations",
        )
        solver = options.solver or ""
        require(len(solver) <= MOST_NAME and solver.isprintable(), f"a solver's name of at most {MOST_NAME} letters")
        settings = flatten(options).values()
        require(not any(isinstance(value, float) and isnan(value) for value in settings), "options that are numbers")
        require(1 <= self.next_index <= MOST, "a number for the next frame")
        self._check_rows()
        like = numbers_of(options.budget(1).init())
        fitting = [
            0 <= number <= MOST and (isinstance(number, int) or not isinstance(one, int))
            for number, one in zip(self.value, like, strict=False)
        ]
        require(len(self.value) == len(like) and all(fitting), f"{len(like)} numbers of a budget's memory")
        self._check_seen()

    def _check_rows(self) -> None:
        tracks = () if self.followed is None else self.followed.tracks
        windows = [None] if self.followed is None else [track.window for track in tracks]
        require([row.window for row in self.rows] == windows, "a row for each window")
        keys = [track.key for track in tracks]
        born = 0 if self.followed is None else self.followed.born
        require(len({*keys}) == len(keys) and all(-MOST <= key < born <= MOST for key in keys), "numbers of their own")
        for track in tracks:
            left, top, right, bottom = track.box
            within = -MOST_PIXELS <= left <= right <= MOST_PIXELS and -MOST_PIXELS <= top <= bottom <= MOST_PIXELS
            require(within and 0 <= track.missed <= MOST, f"boxes within {MOST_PIXELS} pixels")

    def _check_seen(self) -> None:
        match self.options.cuts, self.seen:
            case ("none" | "picture", None):
                return
            case "residual", tuple(levels):
                require(all(isinstance(one, int | float) and 0 <= one <= MOST for one in levels), "residuals seen")
            case "picture", (int(h), int(w), str(text)):
                require(min(h, w) >= 1 and len(text) == 4 * h * w, "a picture seen")
            case _:
                require(False, "what the cut detector remembers")

    def memory(self) -> Any:
        """What the budget remembers."""
        return _refilled(self.options.budget(1).init(), iter(self.value))

    def sight(self) -> Any:
        """What the cut detector remembers."""
        match self.seen:
            case (int(h), int(w), str(text)):
                return np.frombuffer(b64decode(text, validate=True), np.uint8).reshape(h, w, 3)
        return self.seen


def plain_sight(seen: Any) -> Any:
    """The inverse of `Description.sight`: a picture becomes its height, its width and its bytes as text."""
    return (*seen.shape[:2], b64encode(seen.tobytes()).decode()) if isinstance(seen, np.ndarray) else seen


def numbers_of(memory: Any) -> tuple[float, ...]:
    """A budget's memory, however it is nested, as its numbers in order."""
    if not is_dataclass(memory):
        return () if memory is None else (memory,)
    return tuple(number for one in fields(memory) for number in numbers_of(getattr(memory, one.name)))


def _refilled(like: Any, numbers: Iterator[float]) -> Any:
    """The inverse of `numbers_of`, for a memory of the kind of `like`."""
    if not is_dataclass(like) or isinstance(like, type):
        return None if like is None else next(numbers)
    return type(like)(*(_refilled(getattr(like, one.name), numbers) for one in fields(like)))
