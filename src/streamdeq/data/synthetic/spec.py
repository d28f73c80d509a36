"""What a synthetic data set is asked to be, and its one-line spelling."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

SMALLEST_SIDE = 16


@dataclass(frozen=True)
class StreetSpec:
    """`clips` clips of `frames` frames at `fps`. At each frame in `cuts` another street begins.

    `labels` is what is labelled, by its name in `labels.LABELS`.
    """

    seed: int = 0
    clips: int = 4
    frames: int = 30
    size_hw: tuple[int, int] = (96, 128)
    fps: float = 15.0
    cuts: tuple[int, ...] = ()
    labels: str = "pixels"

    def __post_init__(self) -> None:
        _require(self.seed >= 0, "seed of 0 or more", self.seed)
        _require(self.clips >= 1, "at least 1 clip", self.clips)
        _require(self.frames >= 1, "at least 1 frame", self.frames)
        _require(min(self.size_hw) >= SMALLEST_SIDE, f"sides of at least {SMALLEST_SIDE} pixels", self.size_hw)
        _require(0 < self.fps < float("inf"), "frames per second above 0", self.fps)
        ascending = list(self.cuts) == sorted(set(self.cuts))
        inside = all(0 < cut < self.frames for cut in self.cuts)
        _require(ascending and inside, f"cuts rising between 1 and {self.frames - 1}", self.cuts)

    def shot(self, t: int) -> tuple[int, int]:
        """Which street frame `t` shows, and the first frame of it."""
        begun = [cut for cut in (0, *self.cuts) if cut <= t]
        return len(begun) - 1, begun[-1]


def parse_street_spec(text: str) -> StreetSpec:
    """From `seed=0,clips=4,frames=90,size=96x128,fps=15,cuts=30+60`; what is left out has its default.

    `size` is height x width; `cuts` are joined by `+`; `labels` is pixels, boxes, keypoints or depth.
    """
    readers: dict[str, tuple[str, Callable[[str], Any]]] = {
        "seed": ("seed", int),
        "clips": ("clips", int),
        "frames": ("frames", int),
        "size": ("size_hw", _size),
        "fps": ("fps", float),
        "cuts": ("cuts", _frames),
        "labels": ("labels", str),
    }
    values: dict[str, Any] = {}
    for item in filter(None, text.split(",")):
        key, _, value = item.partition("=")
        if key not in readers:
            raise StreamdeqError(unknown("setting of the synthetic street", key, list(readers)))
        name, read = readers[key]
        try:
            values[name] = read(value)
        except ValueError as error:
            example = "seed=0,clips=4,frames=90,size=96x128,fps=15,cuts=30+60"
            raise StreamdeqError(f"expected settings such as {example}, got '{item}'") from error
    return StreetSpec(**values)


def _size(text: str) -> tuple[int, int]:
    height, width = text.lower().split("x")
    return int(height), int(width)


def _frames(text: str) -> tuple[int, ...]:
    return tuple(int(frame) for frame in text.split("+") if frame)


def _require(holds: bool, expected: str, got: object) -> None:
    if not holds:
        raise StreamdeqError(f"expected a synthetic street with {expected}, got {got}")
