"""A detector's second stage: from the maps of its first to boxes. Numbers and order as torchvision's Faster R-CNN.

Legend: A anchors per cell, N boxes, C channels; boxes are left, top, right, bottom in canvas pixels.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from streamdeq.values.boxes import pairwise_iou
from streamdeq.values.geometry import HW

#: Cells per side of what is read at a box.
POOLED = 7
#: A box is not made more than 62.5 times as long or high as it was.
LONGEST = np.log(1000 / 16)


class Detector:
    """Proposals from the maps, what the maps show there, and two hidden layers that say what it is.

    Args:
        settings: of the head, `DetectorSettings` by name.
        weights: of the two hidden layers and the two outputs, by `hidden1`, `hidden2`, `scores`, `boxes` and
            `.weight`, `.bias`.
    """

    def __init__(self, settings: dict[str, Any], weights: dict[str, np.ndarray]) -> None:
        self.settings = settings
        self.weights = weights

    def __call__(self, maps: Sequence[np.ndarray], content_hw: HW) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(pyramid, objectness, deltas) of every level, each (1, h, w, channels) → boxes (N, 4), scores (N,), labels,
        the best first, within the content."""
        levels = len(maps) // 3
        pyramid, objectness, deltas = maps[:levels], maps[levels : 2 * levels], maps[2 * levels :]
        proposals = self._proposals(objectness, deltas, content_hw)
        pooled = _pooled(pyramid[:-1], proposals, self.settings["finest"])
        hidden = np.maximum(self._layer("hidden1", pooled), 0)
        hidden = np.maximum(self._layer("hidden2", hidden), 0)
        return self._objects(self._layer("scores", hidden), self._layer("boxes", hidden), proposals, content_hw)

    def _layer(self, name: str, x: np.ndarray) -> np.ndarray:
        return x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"]

    def _proposals(self, objectness: Sequence[np.ndarray], deltas: Sequence[np.ndarray], content_hw: HW) -> np.ndarray:
        """The boxes of the first stage, the best first, those of a level that overlap by more than 0.7 once."""
        boxes, scores = [], []
        for level, (score, delta) in enumerate(zip(objectness, deltas, strict=True)):
            flat = score.reshape(-1)
            best = np.argsort(-flat, kind="stable")[: self.settings["candidates"]]
            found = _clipped(
                _moved(self._anchors(level, score.shape[1:3])[best], delta.reshape(-1, 4)[best]), content_hw
            )
            large = (found[:, 2:] - found[:, :2] >= 1e-3).all(axis=1)
            found, flat = found[large], flat[best][large]
            kept = suppressed(found, flat, 0.7)
            boxes.append(found[kept])
            scores.append(flat[kept])
        order = np.argsort(-np.concatenate(scores), kind="stable")[: self.settings["proposals"]]
        return np.concatenate(boxes)[order]

    def _anchors(self, level: int, size_hw: tuple[int, ...]) -> np.ndarray:
        """(h·w·A, 4), the anchors of a cell behind one another."""
        stride = 4 * 2**level
        sides = np.array(self.settings["anchor_scales"]) * stride
        tall = np.sqrt(np.array(self.settings["anchor_ratios"]))[:, None]
        half = np.stack([(sides / tall).ravel(), (sides * tall).ravel()], axis=1) / 2
        own = np.concatenate([-half, half], axis=1)
        y, x = np.meshgrid(np.arange(size_hw[0]) * stride, np.arange(size_hw[1]) * stride, indexing="ij")
        return (np.stack([x, y, x, y], axis=-1)[:, :, None] + own).reshape(-1, 4).astype(np.float32)

    def _objects(
        self, logits: np.ndarray, deltas: np.ndarray, proposals: np.ndarray, content_hw: HW
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        likely = np.exp(logits - logits.max(axis=1, keepdims=True))
        likely /= likely.sum(axis=1, keepdims=True)
        boxes, scores, labels = [np.zeros((0, 4), np.float32)], [np.zeros(0, np.float32)], [np.zeros(0, np.int64)]
        for label in range(1, logits.shape[1]):  # 0 is the background
            moved = _moved(proposals, deltas[:, 4 * label : 4 * label + 4] / np.array((10, 10, 5, 5), np.float32))
            found, score = _clipped(moved, content_hw), likely[:, label]
            wanted = (score > self.settings["least_score"]) & (found[:, 2:] - found[:, :2] >= 1e-2).all(axis=1)
            found, score = found[wanted], score[wanted]
            kept = suppressed(found, score, self.settings["overlap"])
            boxes.append(found[kept])
            scores.append(score[kept])
            labels.append(np.full(len(kept), label - 1))
        score = np.concatenate(scores)
        order = np.argsort(-score, kind="stable")[: self.settings["detections"]]
        return np.concatenate(boxes)[order], score[order], np.concatenate(labels)[order]


def suppressed(boxes: np.ndarray, scores: np.ndarray, overlap: float) -> np.ndarray:
    """The places, the best first, of boxes that no better one overlaps by more than `overlap` (IoU)."""
    order = np.argsort(-scores, kind="stable")
    clash = pairwise_iou(boxes[order], boxes[order]) > overlap
    alive, kept = np.ones(len(order), bool), []
    for n in range(len(order)):
        if alive[n]:
            kept.append(n)
            alive &= ~clash[n]
    return order[np.array(kept, int)]


def _moved(boxes: np.ndarray, deltas: np.ndarray) -> np.ndarray:
    """Boxes moved by (x, y) in parts of their sides and scaled by the exponentials of (w, h)."""
    sides = boxes[:, 2:] - boxes[:, :2]
    middles = boxes[:, :2] + 0.5 * sides + deltas[:, :2] * sides
    half = 0.5 * np.exp(np.minimum(deltas[:, 2:], np.float32(LONGEST))) * sides
    return np.concatenate([middles - half, middles + half], axis=1).astype(np.float32)


def _clipped(boxes: np.ndarray, size_hw: HW) -> np.ndarray:
    return np.clip(boxes, 0, np.array((size_hw[1], size_hw[0]) * 2, np.float32))


def _pooled(pyramid: Sequence[np.ndarray], boxes: np.ndarray, finest: float) -> np.ndarray:
    """What the maps show at the boxes, (N, C·7·7): `roi_align(aligned=True, sampling_ratio=0)`.

    Averaging bilinear samples on a grid is separable: a matrix down and one across.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    level = np.floor(np.log2(np.sqrt(sides[:, 0] * sides[:, 1]) / finest + 1e-30) + 1e-6)
    level = np.clip(level, 0, len(pyramid) - 1).astype(int)
    pooled = np.empty((len(boxes), pyramid[0].shape[3], POOLED, POOLED), np.float32)
    for n, (box, chosen) in enumerate(zip(boxes / (4 * 2.0 ** level[:, None]) - 0.5, level, strict=True)):
        m = pyramid[chosen][0]
        (down, top), (across, left) = _samples(box[1], box[3], m.shape[0]), _samples(box[0], box[2], m.shape[1])
        seen = m[top : top + down.shape[1], left : left + across.shape[1]]
        rows = np.tensordot(down, seen, 1)  # (7, w, C)
        pooled[n] = np.matmul(across, rows).transpose(2, 0, 1)
    return pooled.reshape(len(boxes), pyramid[0].shape[3] * POOLED * POOLED)


def _samples(start: float, end: float, length: int) -> tuple[np.ndarray, int]:
    """Weights (7, n) of the map's pixels from a first one on, along one axis, and that first one."""
    cell = (end - start) / POOLED
    grid = max(1, int(np.ceil(cell)))
    places = start + (np.arange(POOLED * grid) + 0.5) * cell / grid
    inside = (places >= -1) & (places <= length)
    places = np.clip(places, 0, length - 1)
    lower = np.minimum(places.astype(int), max(length - 2, 0))
    upper = np.minimum(lower + 1, length - 1)
    first = int(lower.min())
    weights = np.zeros((POOLED * grid, int(upper.max()) - first + 1), np.float32)
    each = np.arange(POOLED * grid)
    weights[each, upper - first] += inside * (places - lower)
    weights[each, lower - first] += inside * (1 - places + lower)
    return weights.reshape(POOLED, grid, -1).mean(axis=1), first
