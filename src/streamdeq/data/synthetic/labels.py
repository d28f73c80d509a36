"""What of the street is labelled, by name: a class for every pixel, or boxes. Knows no clip and no training."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from streamdeq.boxes import Boxes
from streamdeq.data.synthetic.render import Drawing, classes_of, visible
from streamdeq.data.synthetic.scene import CAR, CLASSES, PERSON
from streamdeq.registry import Registry

PALETTE = (
    (128, 128, 128), (128, 0, 0), (128, 64, 128), (60, 40, 222),
    (128, 128, 0), (192, 192, 128), (64, 0, 128), (64, 64, 0),
)  # fmt: skip

#: A thing of which less is seen, in pixels along the shorter side of its box, is to be ignored.
SMALLEST_SIDE = 4.0
_BOXED = (CAR, PERSON)


@dataclass(frozen=True)
class Labels:
    """For which task, which of the street's classes, and how a drawing becomes a target.

    Args:
        read: drawing, owner of every pixel, number of the shot → target.
    """

    task: str
    indices: tuple[int, ...]
    read: Callable[[Drawing, np.ndarray, int], Any]

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(CLASSES[index] for index in self.indices)

    @property
    def palette(self) -> tuple[tuple[int, int, int], ...]:
        return tuple(PALETTE[index] for index in self.indices)


LABELS: Registry[Labels] = Registry("kind of labels")


def _pixels(drawing: Drawing, owners: np.ndarray, shot: int) -> np.ndarray:
    return classes_of(owners, drawing.things)


def _boxes(drawing: Drawing, owners: np.ndarray, shot: int) -> Boxes:
    """Around what is seen of cars and people; motion is not said."""
    things = [thing for thing in visible(drawing, owners, shot) if thing.class_index in _BOXED]
    boxes = np.array([thing.box_xyxy for thing in things], np.float32).reshape(-1, 4)
    return Boxes(
        boxes,
        np.array([_BOXED.index(thing.class_index) for thing in things], np.int64),
        (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf) < SMALLEST_SIDE,
        np.array([thing.instance for thing in things], np.int64),
    )


LABELS.register("pixels")(Labels("segmentation", tuple(range(len(CLASSES))), _pixels))
LABELS.register("boxes")(Labels("detection", _BOXED, _boxes))
