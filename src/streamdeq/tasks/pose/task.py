"""Pose estimation as the rest of the program sees it."""

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from torch import Tensor, nn

from streamdeq.data.base import Dataset
from streamdeq.data.sampling import SampleRecipe
from streamdeq.tasks.base import TASKS, TRUTH, Task
from streamdeq.tasks.objective import Objective
from streamdeq.tasks.pose.draw import skeletons
from streamdeq.tasks.pose.head import DESIGNS, FusedHead, SimpleHead
from streamdeq.tasks.pose.heatmaps import DECODERS, peaks, to_canvas
from streamdeq.tasks.pose.metric import PoseMetric
from streamdeq.tasks.pose.objective import objective
from streamdeq.tasks.pose.result import Poses, joined
from streamdeq.tasks.pose.settings import PoseSettings
from streamdeq.values.geometry import Geometry
from streamdeq.values.keypoints import Keypoints
from streamdeq.values.look import USUAL, Look
from streamdeq.values.status import Status


@TASKS.register("pose")
class PoseTask(Task):
    joins = True
    writes = ("video", "jsonl", "png", "coco", "yolo", "csv")
    head_settings = PoseSettings
    counts_early = True
    class_rows = MappingProxyType({"final_layer.weight": (1, 0), "final_layer.bias": (1, 0)})

    def __init__(self, spec: Any) -> None:
        super().__init__(spec)
        self.settings = PoseSettings.read(spec.head)

    def build_head(self) -> SimpleHead | FusedHead:
        chosen = self.settings
        design = DESIGNS[chosen.design]
        return design(self.spec.architecture.channels, len(self.spec.classes), chosen.width, chosen.sigma)

    def decode(self, outputs: Tensor, geometry: Geometry, status: Status, head: nn.Module) -> Poses:
        maps = outputs.float()
        points = to_canvas(DECODERS[self.settings.decoding](maps, self.settings.sigma))
        _, heights = peaks(maps)
        h, w = geometry.frame_hw
        window = geometry.window
        crop = (0, 0, w, h) if window is None else (window.left, window.top, window.right, window.bottom)
        return replace(
            self.nobody(geometry.frame_hw, status),
            keypoints_xy=geometry.to_frame(points.cpu().numpy()).astype(np.float32),
            scores=heights.clamp(0, 1).cpu().numpy(),
            crops_xyxy=np.array([crop], np.float32),
        )

    def nobody(self, frame_hw: tuple[int, int], status: Status) -> Poses:
        """The answer about a frame that shows nobody."""
        points = len(self.spec.classes)
        return Poses(
            status=status,
            keypoints_xy=np.zeros((0, points, 2), np.float32),
            scores=np.zeros((0, points), np.float32),
            crops_xyxy=np.zeros((0, 4), np.float32),
            names=self.spec.classes,
            skeleton=self.settings.skeleton,
            frame_hw=frame_hw,
        )

    def join(self, parts: Sequence[Poses], ids: Sequence[int], frame_hw: tuple[int, int], status: Status) -> Poses:
        return joined(parts, ids, self.nobody(frame_hw, status), status)

    def objective(self, recipe: SampleRecipe, dataset: Dataset) -> Objective:
        return objective(recipe, dataset)

    def metric(self) -> PoseMetric:
        return PoseMetric(self.spec.classes)

    def coco_categories(self) -> list[dict[str, Any]]:
        skeleton = [[a + 1, b + 1] for a, b in self.settings.skeleton]
        return [{"id": 1, "name": "instance", "keypoints": list(self.spec.classes), "skeleton": skeleton}]

    def draw(self, image: np.ndarray, result: Poses, look: Look = USUAL) -> np.ndarray:
        return skeletons(image, result, look)

    def draw_label(self, image: np.ndarray, target: Keypoints) -> np.ndarray:
        nobody = self.nobody((image.shape[0], image.shape[1]), TRUTH)
        scores = target.visible.astype(np.float32)
        return skeletons(image, replace(nobody, keypoints_xy=target.xy, scores=scores, crops_xyxy=target.boxes_xyxy))

    def record(self, result: Poses) -> dict[str, Any]:
        found = []
        for n in range(len(result)):
            points = np.concatenate([result.keypoints_xy[n], result.scores[n, :, None]], axis=1)
            crop = [round(value, 2) for value in result.crops_xyxy[n].tolist()]
            values = [[round(x, 2), round(y, 2), round(score, 4)] for x, y, score in points.tolist()]
            own = {} if result.ids is None else {"id": int(result.ids[n])}
            found.append({**own, "crop_xyxy": crop, "keypoints": dict(zip(result.names, values, strict=True))})
        return {"instances": found}
