"""Picture classification as the loop trains it: augmented crops and class indices. Knows no optimiser."""

import numpy as np
import torch
from torch import Tensor, nn

from streamdeq.data.augment.pictures import AreaCrop, Augmentation
from streamdeq.data.base import Dataset
from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.training.recipe import Recipe
from streamdeq.training.work import WORKS, Batch, draw_batch


@WORKS.register("classification")
class ClassificationWork:
    """Cross-entropy on augmented crops, one class index per picture."""

    def __init__(self, recipe: Recipe, dataset: Dataset) -> None:
        if not dataset.samples:
            raise StreamdeqError(f"expected labelled frames in split '{dataset.split}' of {dataset.name}, got none")
        if recipe.class_weights != "none":
            raise StreamdeqError(f"recipe: class_weights must be none for classification; got '{recipe.class_weights}'")
        if recipe.ohem:
            raise StreamdeqError("recipe: ohem must be none for classification, which has no pixels to choose among")
        self.recipe, self.dataset = recipe, dataset
        self.augmentation = recipe.augment.transform(recipe.crop_hw, recipe.size, recipe.longest)
        self.unchanged = Augmentation.unchanged(recipe.crop_hw, recipe.size, recipe.longest)

    def batch(self, step: int) -> Batch:
        return self._batch(step, "order", "augment", self.augmentation)

    def plain(self, index: int) -> Batch:
        return self._batch(index, "statistics", "statistics", self.unchanged)

    def losses(self, head: nn.Module, z: Latent, targets: Tensor) -> dict[str, Tensor]:
        return head.losses(z, targets)  # type: ignore[operator]

    def _batch(self, step: int, order: str, purpose: str, augmentation: Augmentation | AreaCrop) -> Batch:
        def transform(image: np.ndarray, target: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
            # The augmentation cuts a label map along; a picture of one class has none.
            pixels, _ = augmentation(image, np.zeros(image.shape[:2], np.uint8), rng)
            return pixels, torch.tensor(target)

        return draw_batch(self.recipe, self.dataset, step, order, purpose, transform)
