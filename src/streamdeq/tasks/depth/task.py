"""Depth estimation as the rest of the program sees it."""

from typing import Any

import numpy as np
from torch import Tensor, nn

from streamdeq.data.base import Dataset
from streamdeq.data.sampling import SampleRecipe
from streamdeq.tasks.base import TASKS, Task
from streamdeq.tasks.dense import DenseSettings, resize
from streamdeq.tasks.depth.draw import depth_map
from streamdeq.tasks.depth.head import DepthHead, metres
from streamdeq.tasks.depth.metric import DepthMetric
from streamdeq.tasks.depth.objective import objective
from streamdeq.tasks.depth.result import Depth
from streamdeq.tasks.objective import Objective
from streamdeq.values.geometry import Geometry
from streamdeq.values.look import USUAL, Look
from streamdeq.values.status import Status


@TASKS.register("depth")
class DepthTask(Task):
    """Depth in metres holds for cameras as the training data's: who looks twice as closely sees everything half as
    far away."""

    head_settings = DenseSettings

    def build_head(self) -> DepthHead:
        return DepthHead(self.spec.architecture.channels, DenseSettings.read(self.spec.head).features)

    def objective(self, recipe: SampleRecipe, dataset: Dataset) -> Objective:
        return objective(recipe, dataset)

    def decode(self, outputs: Tensor, geometry: Geometry, status: Status, head: nn.Module) -> Depth:
        h, w = geometry.frame_hw
        depth_m = metres(resize(outputs.float(), geometry.uncropped_hw)[0, 0, :h, :w])
        return Depth(status=status, depth_m=depth_m.contiguous().cpu().numpy())

    def metric(self) -> DepthMetric:
        return DepthMetric()

    def draw(self, image: np.ndarray, result: Depth, look: Look = USUAL) -> np.ndarray:
        return depth_map(image, result, look)

    def record(self, result: Depth) -> dict[str, Any]:
        """Percentiles of the frame's depth in metres."""
        return {"depth_m": {str(percent): round(result.percentile(percent), 2) for percent in (5, 25, 50, 75, 95)}}
