"""A data set: clips of frames, some of them labelled.

A clip is temporally continuous, so that it can be streamed: frame t + 1 follows frame t after 1 / fps
seconds. Pictures taken too far apart for that are clips of one frame each.
"""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

IGNORE_INDEX = 255
"""The label of pixels that count neither in a loss nor in a metric, whatever the files call it."""

Place = tuple[Path, int | None]
"""Where a frame lies: a picture file, or a film and the frame's number in it."""


class Frames(Protocol):
    """The pictures of a clip, by number in time order. They are read in any order and from any thread."""

    def __len__(self) -> int: ...

    def read(self, t: int) -> np.ndarray:
        """Frame `t`, (H, W, 3) uint8 RGB."""
        ...

    def place(self, t: int) -> Place | None:
        """Where frame `t` lies; None if it was made or cut out, and is in no file as it is."""
        ...


class Targets(Protocol):
    """The ground truth of a clip's frames, by number."""

    @property
    def labelled(self) -> tuple[int, ...]:
        """The frames that have a target, ascending."""
        ...

    def read(self, t: int) -> Any:
        """The ground truth of frame `t` or None: a label map (H, W) uint8 of class indices, 255 ignored; `Boxes`;
        `Keypoints`; the index of a class."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class Clip:
    """A sequence of frames in time order.

    Args:
        whole: the clip of which these frames show a part; None where they show all there is.
    """

    name: str
    fps: float
    frames: Frames
    targets: Targets
    whole: "Clip | None" = None

    def __len__(self) -> int:
        return len(self.frames)

    def image(self, t: int) -> np.ndarray:
        """Frame `t`, (H, W, 3) uint8 RGB."""
        return self.frames.read(self._check(t))

    def target(self, t: int) -> Any:
        """The ground truth of frame `t` or None, as `Targets.read` says it."""
        return self.targets.read(self._check(t))

    @property
    def labelled(self) -> tuple[int, ...]:
        """The frames that have a target, ascending."""
        return self.targets.labelled

    def place(self, t: int) -> Place | None:
        """Where frame `t` lies, if it is in a file as it is."""
        return self.frames.place(self._check(t))

    @property
    def film(self) -> "Clip":
        """The clip whose frames these are: another one, where this one shows a part of that."""
        return self if self.whole is None else self.whole

    def _check(self, t: int) -> int:
        """`t` when it is a frame of this clip; negative numbers are not."""
        if not 0 <= t < len(self):
            raise IndexError(f"frame {t} of clip '{self.name}', which has {len(self)} frames")
        return t


@dataclass(frozen=True)
class Dataset:
    """One split of a data set. `palette` holds one RGB colour, 0..255, per class; `notes` is what a user should know of
    how the files were understood."""

    name: str
    task: str
    split: str
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    clips: tuple[Clip, ...]
    licence: str
    notes: tuple[str, ...] = field(default=(), kw_only=True)

    def __post_init__(self) -> None:
        if len(self.palette) != len(self.classes):
            raise ValueError(f"{len(self.palette)} colours for {len(self.classes)} classes")

    @property
    def head(self) -> dict[str, Any]:
        """What a task's head has to know of the data besides the classes, as `ModelSpec.head` holds it."""
        return {}

    def scored(self, classes: tuple[str, ...]) -> "Dataset":
        """The split as a model of these classes is scored on it, where that is not frame by frame."""
        return self

    @cached_property
    def samples(self) -> tuple[tuple[Clip, int], ...]:
        """Every labelled frame as (clip, t), in clip order."""
        return tuple((clip, t) for clip in self.clips for t in clip.labelled)
