"""What an exported model answers, as plain arrays in the frame's own pixels."""

from dataclasses import dataclass

import numpy as np

from streamdeq.values.status import Status


@dataclass(frozen=True, eq=False)
class Answer:
    """`status` says which frame it reflects, how many steps that has had and how far from converged it is."""

    status: Status


@dataclass(frozen=True, eq=False)
class Segmentation(Answer):
    """`labels`: (H, W) uint8, index into `classes`."""

    labels: np.ndarray
    classes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Detections(Answer):
    """The objects, the best first: `boxes_xyxy` (N, 4) float32, `scores` (N,) in 0–1, `labels` (N,) into `classes`."""

    boxes_xyxy: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Poses(Answer):
    """The instance in what was looked at: `keypoints_xy` (K, 2) float32, `scores` (K,) in 0–1, `names` of points."""

    keypoints_xy: np.ndarray
    scores: np.ndarray
    names: tuple[str, ...]
