"""What of the street is labelled, by name: a class for every pixel, boxes, key points, or depth."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.poses import PoseDataset, pairs_of
from streamdeq.data.synthetic.depth import depth_of
from streamdeq.data.synthetic.render import Drawing, classes_of, visible
from streamdeq.data.synthetic.scene import CAR, CLASSES, PERSON
from streamdeq.data.synthetic.walkers import JOINTS
from streamdeq.registry import Registry
from streamdeq.values.boxes import Boxes
from streamdeq.values.keypoints import Keypoints
from streamdeq.values.palette import distinct_colours

PALETTE = (
    (128, 128, 128), (128, 0, 0), (128, 64, 128), (60, 40, 222),
    (128, 128, 0), (192, 192, 128), (64, 0, 128), (64, 64, 0),
)  # fmt: skip

#: A thing of which less is seen, in pixels along the shorter side of its box, is to be ignored.
SMALLEST_SIDE = 4.0
#: People of whom less is seen, in pixels of height, have no key points.
SMALLEST_PERSON = 24.0
#: Lines between the joints, for drawing.
BONES = (
    *((f"{side} {a}", f"{side} {b}") for side in ("right", "left") for a, b in (("ankle", "knee"), ("knee", "hip"))),
    *(
        (f"{side} {a}", f"{side} {b}")
        for side in ("right", "left")
        for a, b in (("wrist", "elbow"), ("elbow", "shoulder"))
    ),
    *((f"{side} {a}", "neck") for side in ("right", "left") for a in ("shoulder", "hip")),
    ("neck", "head top"),
)
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

    def dataset(self, split: str, clips: tuple[Clip, ...], licence: str) -> Dataset:
        return Dataset("synthetic", self.task, split, self.classes, self.palette, clips, licence)

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(CLASSES[index] for index in self.indices)

    @property
    def palette(self) -> tuple[tuple[int, int, int], ...]:
        return tuple(PALETTE[index] for index in self.indices)


@dataclass(frozen=True)
class PointLabels(Labels):
    """Key points of people, whose names are the classes."""

    def dataset(self, split: str, clips: tuple[Clip, ...], licence: str) -> Dataset:
        colours = distinct_colours(len(JOINTS))
        mirrored = tuple(
            (k, JOINTS.index(name.replace("left", "right"))) for k, name in enumerate(JOINTS) if "left" in name
        )
        skeleton = pairs_of(BONES, JOINTS, "the walkers")
        return PoseDataset("synthetic", self.task, split, JOINTS, colours, clips, licence, skeleton, mirrored)


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


def _keypoints(drawing: Drawing, owners: np.ndarray, shot: int) -> Keypoints:
    """The joints of people of whom enough is seen, in pixels whose middles are whole numbers; boxes as above."""
    people = [
        thing
        for thing in visible(drawing, owners, shot)
        if thing.keypoints_xy is not None and thing.box_xyxy[3] - thing.box_xyxy[1] >= SMALLEST_PERSON
    ]
    if not people:
        return Keypoints.none(len(JOINTS))
    return Keypoints(
        np.stack([thing.keypoints_xy for thing in people]) - np.float32(0.5),  # type: ignore[misc]
        np.stack([thing.keypoints_visible for thing in people]),  # type: ignore[misc]
        np.array([thing.box_xyxy for thing in people], np.float32) - np.float32(0.5),
        np.array([thing.instance for thing in people], np.int64),
    )


LABELS.register("pixels")(Labels("segmentation", tuple(range(len(CLASSES))), _pixels))
LABELS.register("boxes")(Labels("detection", _BOXED, _boxes))
LABELS.register("depth")(Labels("depth", (), depth_of))
LABELS.register("keypoints")(PointLabels("pose", (PERSON,), _keypoints))
