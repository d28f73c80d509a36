"""What cameras show: films of a data set with their labels, and when each frame comes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from streamdeq.data.labels import open_labelled
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.run import check_classes
from streamdeq.models.spec import ModelSpec
from streamdeq.serving.bench.settings import CamerasSettings
from streamdeq.serving.bench.timetable import Timetable, timetable


@dataclass(frozen=True, eq=False)
class Film:
    """Decoded frames, (H, W, 3) uint8 RGB, and what is to be found in each, None where that is not labelled."""

    name: str
    fps: float
    images: tuple[np.ndarray, ...]
    targets: tuple[Any, ...]


def films_of(data: str, split: str, spec: ModelSpec, most_frames: int) -> tuple[Film, ...]:
    """The first frames of every film of a split.

    Raises:
        StreamdeqError: no such data, other classes than the model's, or single pictures alone.
    """
    dataset = open_labelled(data, split, spec.task).scored(spec.classes)
    check_classes(spec, dataset)
    films = []
    for clip in (clip for clip in dataset.clips if len(clip) > 1):
        numbers = range(min(len(clip), most_frames))
        images = tuple(np.ascontiguousarray(clip.image(t)) for t in numbers)
        films.append(Film(clip.name, clip.fps, images, tuple(clip.target(t) for t in numbers)))
    if not films:
        raise StreamdeqError(f"expected films in split '{split}' of {data}, found single pictures; give another")
    return tuple(films)


@dataclass(frozen=True, eq=False)
class Show:
    """Cameras that play films; camera k plays film k modulo how many there are.

    Args:
        fps: of each camera.
        deadline_s: from a frame's coming to when its answer is late: when the next frame is due.
    """

    films: Sequence[Film]
    tables: tuple[Timetable, ...]
    fps: float

    @staticmethod
    def of(films: Sequence[Film], cameras: int, fps: float, seconds: float, settings: CamerasSettings) -> "Show":
        tables = []
        for camera in range(cameras):
            film = films[camera % len(films)]
            rest = {"jitter": settings.jitter, "dropout": settings.dropout, "seed": (settings.seed, camera)}
            phase = camera / cameras
            tables.append(timetable(fps, seconds, film.fps, len(film.images), phase=phase, **rest))  # type: ignore[arg-type]
        return Show(films, tuple(tables), fps)

    @property
    def deadline_s(self) -> float:
        return 1 / self.fps

    @property
    def cameras(self) -> int:
        return len(self.tables)

    def film(self, camera: int) -> Film:
        return self.films[camera % len(self.films)]

    def image(self, camera: int, number: int) -> np.ndarray:
        return self.film(camera).images[self.tables[camera][number].shows]

    def alone(self, camera: int) -> "Show":
        """One of the cameras by itself."""
        return Show((self.film(camera),), (self.tables[camera],), self.fps)
