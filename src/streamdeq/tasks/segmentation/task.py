"""Semantic segmentation as the rest of the program sees it."""

from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from streamdeq.data.base import Dataset
from streamdeq.data.sampling import SampleRecipe
from streamdeq.errors import StreamdeqError
from streamdeq.tasks.base import TASKS, TRUTH, Confusion, Metric, Task
from streamdeq.tasks.dense import DenseSettings, resize
from streamdeq.tasks.objective import Objective
from streamdeq.tasks.segmentation.draw import overlay
from streamdeq.tasks.segmentation.head import SegmentationHead
from streamdeq.tasks.segmentation.metric import ConfusionMatrix
from streamdeq.tasks.segmentation.objective import objective
from streamdeq.tasks.segmentation.result import Segmentation
from streamdeq.values.geometry import Geometry
from streamdeq.values.label_map import label_map
from streamdeq.values.look import USUAL, Look
from streamdeq.values.status import Status


@TASKS.register("segmentation")
class SegmentationTask(Task):
    writes = ("video", "jsonl", "png", "coco", "yolo", "csv")
    label_maps = True
    head_settings = DenseSettings
    class_rows = MappingProxyType({"last_layer.3.weight": (1, 0), "last_layer.3.bias": (1, 0)})

    def build_head(self) -> SegmentationHead:
        if len(self.spec.classes) > 255:  # a label map is uint8, and 255 is what is not labelled
            raise StreamdeqError(f"expected at most 255 classes of pixels, got {len(self.spec.classes)}")
        features = DenseSettings.read(self.spec.head).features
        return SegmentationHead(self.spec.architecture.channels, len(self.spec.classes), features)

    def decode(self, outputs: Tensor, geometry: Geometry, status: Status, head: nn.Module) -> Segmentation:
        if outputs.device.type == "cpu":
            labels = label_map(outputs[0].float().numpy(), geometry.uncropped_hw, geometry.frame_hw)
        else:
            labels = plain_label_map(outputs, geometry).cpu().numpy()
        return Segmentation(status=status, labels=labels, classes=self.spec.classes, palette=self.spec.palette)

    def objective(self, recipe: SampleRecipe, dataset: Dataset) -> Objective:
        return objective(recipe, dataset)

    def metric(self) -> "SegmentationMetric":
        return SegmentationMetric(self.spec.classes)

    def draw(self, image: np.ndarray, result: Segmentation, look: Look = USUAL) -> np.ndarray:
        return overlay(image, result, look)

    def draw_label(self, image: np.ndarray, target: np.ndarray) -> np.ndarray:
        known = target < len(self.spec.classes)
        shown = Segmentation(
            status=TRUTH,
            labels=np.where(known, target, 0).astype(np.uint8),
            classes=self.spec.classes,
            palette=self.spec.palette,
        )
        return np.where(known[..., None], overlay(image, shown), image)

    def record(self, result: Segmentation) -> dict[str, Any]:
        return {"shares": {name: round(share, 4) for name, share in result.shares().items()}}


class SegmentationMetric(Metric):
    """mIoU over all frames given, and the IoU of each class that occurs, in points 0–100."""

    name = "mIoU"

    def __init__(self, classes: tuple[str, ...]) -> None:
        self.classes = classes
        self.matrix = ConfusionMatrix(len(classes))

    def update(self, result: Segmentation, target: np.ndarray) -> None:
        self.matrix.update(result.labels, target)

    def merge(self, other: "SegmentationMetric") -> None:
        self.matrix.merge(other.matrix)

    def compute(self) -> dict[str, float]:
        per_class = zip(self.classes, self.matrix.iou.tolist(), strict=True)
        return {self.name: self.matrix.miou, **{f"IoU/{k}": 100 * v for k, v in per_class if v == v}}

    def confusion(self) -> Confusion:
        counts = self.matrix.counts[: len(self.classes)].numpy()
        others = ("none",) if counts[:, -1].any() else ()
        return Confusion(counts[:, : len(self.classes) + len(others)], self.classes, (*self.classes, *others), "pixels")


def plain_label_map(outputs: Tensor, geometry: Geometry) -> Tensor:
    """(1, K, h, w) → (H, W) uint8, the first of equal maxima, by way of scores for every pixel: what `label_map` is
    checked against, and what a GPU, which waits for nothing here, is quicker with."""
    h, w = geometry.frame_hw
    return resize(outputs.float(), geometry.uncropped_hw)[0, :, :h, :w].argmax(dim=0).to(torch.uint8)
