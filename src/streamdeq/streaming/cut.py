"""Whether the shot has changed, and what then: pure policies over what a frame shows.

A detector is `init / update` on a value that the stream's state carries, so it can be saved, moved and forked. It is
asked once per frame, after the frame's first application of `f`, and answers for that frame. A response says what a
frame gets that begins a shot. The figures behind the defaults: docs/lab/cuts.md.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown
from streamdeq.streaming.budget import EXTRA
from streamdeq.values.status import Start


@dataclass(frozen=True)
class Evidence:
    """What is known about a frame after its first application of `f`.

    Args:
        image: (H, W, 3) uint8 RGB.
        start: cold frames begin from zeros and cannot be a cut.
        residual: reads the row's relative residual, that of the frame's first evaluation; on a GPU this waits for
            it, so only detectors that need it ask.
    """

    image: np.ndarray
    start: Start
    residual: Callable[[], float]


class CutDetector(ABC):
    """Decides for every frame of a stream whether it is the first of a new shot."""

    def init(self) -> Any:
        """The value a new stream starts with."""
        return None

    @abstractmethod
    def update(self, value: Any, evidence: Evidence) -> tuple[Any, bool]:
        """The value after this frame, and whether the frame is the first of a new shot."""


@dataclass(frozen=True)
class NoCuts(CutDetector):
    """Sees none, reads nothing."""

    def update(self, value: None, evidence: Evidence) -> tuple[None, bool]:
        return value, False


@dataclass(frozen=True)
class ResidualCut(CutDetector):
    """The first residual of a frame jumps above its running level: the carried state fits the frame no more.

    The level is the largest of the last `memory` first residuals. It needs no warm-up rule: a start from zeros has
    the residual 1, which nothing exceeds much until it has left the memory, and what falls after a cut or a start is
    below the level by itself. So is a picture that moves again after a repeated one. Two cuts within `memory` frames
    are found as one. The value is the tuple of those residuals.

    Args:
        factor: a cut is at least this many times the level.
        floor: and at least this residual, where 1 is what zeros have, the state that knows nothing. It keeps quiet
            when a still picture begins to move or the camera is jolted.
        memory: frames.
    """

    factor: float = 1.25
    floor: float = 0.6
    memory: int = 3

    def __post_init__(self) -> None:
        if not self.factor > 1 or not self.floor >= 0 or self.memory < 1:
            raise StreamdeqError(
                f"expected a factor above 1, a floor of at least 0 and a memory of at least 1 frame; got "
                f"{self.factor}, {self.floor} and {self.memory}"
            )

    def init(self) -> tuple[float, ...]:
        return ()

    def update(self, value: tuple[float, ...], evidence: Evidence) -> tuple[tuple[float, ...], bool]:
        residual = float(evidence.residual())
        if not math.isfinite(residual):
            return value, False  # a failed solve says nothing about the picture
        if evidence.start is Start.COLD:
            return (residual,), False
        is_cut = bool(value) and residual >= max(self.floor, self.factor * max(value))
        return (*value, residual)[-self.memory :], is_cut


@dataclass(frozen=True)
class PictureCut(CutDetector):
    """The picture differs from the last one by the score of scenedetect's content detector.

    The value is the last picture, thinned out, (h, w, 3) uint8 BGR; None before the first. Pictures of another size
    than the last one are not compared: their solve begins from zeros anyhow.

    Args:
        threshold: mean change of hue, saturation and brightness, each in 0–255.
        width: pixels a line that are enough; between this and twice as many are looked at.

    Raises:
        StreamdeqError: on the first frame, if the package is not there.
    """

    threshold: float = 31.0
    width: int = 64

    def update(self, value: np.ndarray | None, evidence: Evidence) -> tuple[np.ndarray, bool]:
        package = _scenedetect()
        every = max(1, evidence.image.shape[1] // self.width)
        picture = np.ascontiguousarray(evidence.image[::every, ::every, ::-1])
        if not isinstance(value, np.ndarray) or value.shape != picture.shape:
            return picture, False
        # A fresh detector that is shown two pictures: what it would remember is our value. Its own filter for short
        # shots would delay or swallow cuts and is off.
        detector = package.ContentDetector(threshold=self.threshold, min_scene_len=0)
        detector.process_frame(package.FrameTimecode(0, 1.0), value)
        is_cut = bool(detector.process_frame(package.FrameTimecode(1, 1.0), picture))
        return picture, is_cut and evidence.start is Start.WARM


def _scenedetect() -> Any:
    try:
        return import_module("scenedetect")
    except ModuleNotFoundError as error:
        raise StreamdeqError(
            "finding shot changes in the picture needs the package scenedetect, which is not installed: "
            "pip install 'streamdeq[cut]', or find them by the residual"
        ) from error


@dataclass(frozen=True)
class Response(ABC):
    """What the first frame of a shot gets.

    Args:
        extra: applications of `f` beyond what the budget gives.
    """

    extra: int = 0

    def __post_init__(self) -> None:
        if self.extra < 0:
            raise StreamdeqError(f"a cut's frame can have 0 or more extra iterations; got {self.extra}")

    @abstractmethod
    def begin(self, restart: Callable[[], None]) -> None:
        """Called when a cut was found. `restart` puts the row back to zeros for this frame."""


@dataclass(frozen=True)
class KeepGoing(Response):
    """From the old shot's state, with extra steps."""

    def begin(self, restart: Callable[[], None]) -> None:
        """The first evaluation counts: the state has moved towards the new shot."""


@dataclass(frozen=True)
class FromZeros(Response):
    """The old shot is forgotten; the evaluation that showed the cut is lost, and the budget counts from there."""

    def begin(self, restart: Callable[[], None]) -> None:
        restart()


@dataclass(frozen=True)
class CutPolicy:
    """How cuts are found and what happens then."""

    detector: CutDetector
    response: Response


DETECTORS: dict[str, Callable[[], CutDetector]] = {"none": NoCuts, "residual": ResidualCut, "picture": PictureCut}
RESPONSES: dict[str, Callable[[int], Response]] = {"continue": KeepGoing, "zeros": FromZeros}


def make_cut_policy(detector: str = "none", response: str = "continue", extra: int = EXTRA) -> CutPolicy:
    """By the names a user says.

    Raises:
        StreamdeqError: an unknown name (the nearest is shown), or fewer than 0 extra steps.
    """
    if detector not in DETECTORS:
        raise StreamdeqError(unknown("cut detector", detector, list(DETECTORS)))
    if response not in RESPONSES:
        raise StreamdeqError(unknown("response to a cut", response, list(RESPONSES)))
    return CutPolicy(DETECTORS[detector](), RESPONSES[response](extra))
