"""Picture classification as the rest of the program sees it."""

from types import MappingProxyType
from typing import Any

import numpy as np
from torch import Tensor, nn

from streamdeq.data.base import Dataset
from streamdeq.data.sampling import SampleRecipe
from streamdeq.tasks.base import TASKS, TRUTH, Task
from streamdeq.tasks.classification.draw import caption
from streamdeq.tasks.classification.head import ClassificationHead, Widths
from streamdeq.tasks.classification.metric import Accuracy
from streamdeq.tasks.classification.objective import objective
from streamdeq.tasks.classification.result import Classification
from streamdeq.tasks.objective import Objective
from streamdeq.values.geometry import Geometry
from streamdeq.values.look import USUAL, Look
from streamdeq.values.status import Status


@TASKS.register("classification")
class ClassificationTask(Task):
    """The whole canvas is classified, as wide as the frame is; the published accuracy is of 224² centre crops."""

    class_rows = MappingProxyType({"classifier.weight": (1, 0), "classifier.bias": (1, 0)})

    def build_head(self) -> ClassificationHead:
        channels = self.spec.architecture.channels
        return ClassificationHead(channels, len(self.spec.classes), Widths.read(self.spec.head, channels))

    def decode(self, outputs: Tensor, geometry: Geometry, status: Status, head: nn.Module) -> Classification:
        scores = outputs[0].float().softmax(dim=0).clamp(max=1)
        return Classification(status=status, scores=scores.cpu().numpy(), classes=self.spec.classes)

    def objective(self, recipe: SampleRecipe, dataset: Dataset) -> Objective:
        return objective(recipe, dataset)

    def metric(self) -> Accuracy:
        return Accuracy(len(self.spec.classes), self.spec.classes)

    def draw(self, image: np.ndarray, result: Classification, look: Look = USUAL) -> np.ndarray:
        return caption(image, result, look)

    def draw_label(self, image: np.ndarray, target: int) -> np.ndarray:
        scores = np.zeros(len(self.spec.classes), np.float32)
        scores[target] = 1
        return caption(image, Classification(status=TRUTH, scores=scores, classes=self.spec.classes))

    def record(self, result: Classification) -> dict[str, Any]:
        return {"top": [{"class": name, "score": round(score, 4)} for name, score in result.top()]}
