"""Object detection as the loop trains it: still frames, boxes cut along with augmented crops. Knows no optimiser."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from streamdeq.data.augment.pictures import Augmentation, View
from streamdeq.data.base import Dataset
from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.tasks.detection.head import Target
from streamdeq.training.recipe import Recipe
from streamdeq.training.work import WORKS, Batch, draw_batch
from streamdeq.values.boxes import Boxes

#: An object of which a crop shows less than this share is not to be found in it.
SHOWN = 0.3


@WORKS.register("detection")
class DetectionWork:
    """The four losses of a Faster R-CNN. Objects to be ignored are not trained on, and no place is kept from being
    background for them."""

    def __init__(self, recipe: Recipe, dataset: Dataset) -> None:
        if not dataset.samples:
            raise StreamdeqError(f"expected labelled frames in split '{dataset.split}' of {dataset.name}, got none")
        if recipe.class_weights != "none":
            raise StreamdeqError(f"recipe: class_weights must be none for detection; got '{recipe.class_weights}'")
        if recipe.ohem:
            raise StreamdeqError("recipe: ohem must be none for detection, which samples its own hard ones")
        if recipe.augment.area_range:
            raise StreamdeqError("recipe: augment.area_range must be none for detection: stretching changes boxes")
        self.recipe, self.dataset = recipe, dataset
        augmentation = recipe.augment.transform(recipe.crop_hw, recipe.size, recipe.longest)
        assert isinstance(augmentation, Augmentation)  # it has no area_range
        self.augmentation = augmentation
        self.unchanged = Augmentation.unchanged(recipe.crop_hw, recipe.size, recipe.longest)

    def batch(self, step: int) -> Batch:
        return self._batch(step, "order", "augment", self.augmentation)

    def plain(self, index: int) -> Batch:
        return self._batch(index, "statistics", "statistics", self.unchanged)

    def losses(self, head: nn.Module, z: Latent, targets: list[Target]) -> dict[str, Tensor]:
        return head.losses(z, targets)  # type: ignore[operator]

    def _batch(self, step: int, order: str, purpose: str, augmentation: Augmentation) -> Batch:
        def transform(image: np.ndarray, target: Boxes, rng: np.random.Generator) -> tuple[Tensor, Any]:
            view = augmentation.view((image.shape[0], image.shape[1]), rng)
            return augmentation.picture(image, view, rng), cut(target, view)

        return draw_batch(self.recipe, self.dataset, step, order, purpose, transform, list)


def cut(target: Boxes, view: View) -> Target:
    """What of a frame's objects is to be found in a view of it."""
    height, width = view.size_hw
    whole = view.boxes(target[~target.ignore & target.visible].xyxy)
    shown = whole.clip(0, np.array([width, height] * 2, np.float32))
    kept = _areas(shown) >= SHOWN * _areas(whole)
    labels = target.labels[~target.ignore & target.visible][kept]
    return Target(torch.from_numpy(shown[kept]), torch.from_numpy(labels), view.size_hw)


def _areas(xyxy: np.ndarray) -> np.ndarray:
    return (xyxy[:, 2:] - xyxy[:, :2]).clip(min=0).prod(axis=1)
