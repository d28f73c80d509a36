"""Object detection as the rest of the program sees it."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from streamdeq.data.base import Dataset
from streamdeq.data.sampling import SampleRecipe
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown
from streamdeq.tasks.base import TASKS, TRUTH, Choice, Task
from streamdeq.tasks.detection.draw import boxes_and_labels
from streamdeq.tasks.detection.metric import SHOWN, MeanAveragePrecision
from streamdeq.tasks.detection.result import Detections
from streamdeq.tasks.detection.settings import DetectorSettings
from streamdeq.tasks.detection.tracker import Tracker
from streamdeq.tasks.objective import Objective
from streamdeq.values.boxes import Boxes
from streamdeq.values.geometry import Geometry
from streamdeq.values.look import USUAL, Look
from streamdeq.values.status import Status

if TYPE_CHECKING:  # torchvision brings torch's compiler along, 200 MB that other tasks need not have
    from streamdeq.tasks.detection.head import DetectionHead, Maps

#: The least score that a tracker takes for the same object again, where users do not ask for lower ones.
CARRIED = 0.1


@TASKS.register("detection")
class DetectionTask(Task):
    locates = True
    least_strides = 3  # the pyramid halves the coarsest scale once more, and one pixel of two is taken for broadcast
    writes = ("video", "jsonl", "png", "mot", "coco", "yolo", "csv")
    head_settings = DetectorSettings
    counts_early = True
    class_rows = MappingProxyType(  # of the scores, the background's comes first; of the boxes it has four too
        {
            "roi_heads.box_predictor.cls_score.weight": (1, 1),
            "roi_heads.box_predictor.cls_score.bias": (1, 1),
            "roi_heads.box_predictor.bbox_pred.weight": (4, 4),
            "roi_heads.box_predictor.bbox_pred.bias": (4, 4),
        }
    )

    def build_head(self) -> DetectionHead:
        from streamdeq.tasks.detection.head import DetectionHead

        settings = DetectorSettings.read(self.spec.head)
        return DetectionHead(self.spec.architecture.channels, len(self.spec.classes), settings)

    def decode(self, outputs: Maps, geometry: Geometry, status: Status, head: DetectionHead) -> Detections:
        found = head.detect(outputs, geometry.content_hw)
        scale = found.boxes.new_tensor(geometry.scale_xy * 2)
        edge = found.boxes.new_tensor(geometry.frame_hw[::-1] * 2)
        # Clipped to the content already, so this only takes off what rounding put over the edge.
        boxes = torch.minimum(found.boxes / scale, edge).clamp(min=0)
        return Detections(
            status=status,
            boxes_xyxy=boxes.float().cpu().numpy(),
            scores=found.scores.float().cpu().numpy(),
            labels=found.labels.cpu().numpy(),
            classes=self.spec.classes,
            palette=self.spec.palette,
            frame_hw=geometry.frame_hw,
        )

    def decode_weights(self, head: DetectionHead) -> dict[str, np.ndarray]:
        hidden, last = head.roi_heads.box_head, head.roi_heads.box_predictor
        layers = {"hidden1": hidden.fc6, "hidden2": hidden.fc7, "scores": last.cls_score, "boxes": last.bbox_pred}
        return {
            f"{name}.{part}": getattr(layer, part).detach().float().cpu().numpy()
            for name, layer in layers.items()
            for part in ("weight", "bias")
        }

    def objective(self, recipe: SampleRecipe, dataset: Dataset) -> Objective:
        from streamdeq.tasks.detection.objective import objective

        return objective(recipe, dataset)

    def metric(self) -> MeanAveragePrecision:
        return MeanAveragePrecision(self.spec.classes)

    def chooser(self, choice: Choice) -> Callable[[Any], Any]:
        conf = SHOWN if choice.conf is None else choice.conf
        if not 0 <= conf <= 1:
            raise StreamdeqError(f"--conf: expected a score in 0–1, got {conf}")
        names = choice.classes or self.spec.classes
        for name in names:
            if name not in self.spec.classes:
                raise StreamdeqError(f"--classes: {unknown('class', name, list(self.spec.classes))}")
        if not choice.track:
            return lambda result: result.of(*names).above(conf)
        tracker, carried = Tracker(begin=max(conf, CARRIED)), min(conf, CARRIED)
        return lambda result: tracker(result.of(*names).above(carried)).above(conf)

    def draw(self, image: np.ndarray, result: Detections, look: Look = USUAL) -> np.ndarray:
        return boxes_and_labels(image, result, look)

    def draw_label(self, image: np.ndarray, target: Boxes) -> np.ndarray:
        seen = target[target.visible & ~target.ignore]
        shown = Detections(
            status=TRUTH,
            boxes_xyxy=seen.xyxy,
            scores=np.ones(len(seen), np.float32),
            labels=seen.labels,
            classes=self.spec.classes,
            palette=self.spec.palette,
            frame_hw=(image.shape[0], image.shape[1]),
        )
        return boxes_and_labels(image, shown)

    def record(self, result: Detections) -> dict[str, Any]:
        found = []
        for k, name in enumerate(result.names):
            box = [round(value, 2) for value in result.boxes_xyxy[k].tolist()]
            own = {} if result.ids is None else {"id": int(result.ids[k])}
            found.append({"class": name, "score": round(float(result.scores[k]), 4), "box_xyxy": box, **own})
        return {"objects": found}
