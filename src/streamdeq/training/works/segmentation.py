"""Segmentation as the loop trains it: label maps on augmented crops, class weights. Knows no optimiser."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from streamdeq.data.augment.pictures import AreaCrop, Augmentation
from streamdeq.data.base import IGNORE_INDEX, Dataset
from streamdeq.data.readers import cityscapes
from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.tasks.segmentation.loss import total_weight
from streamdeq.training.recipe import Recipe
from streamdeq.training.work import WORKS, Batch, draw_batch


@WORKS.register("segmentation")
class SegmentationWork:
    """Cross-entropy on augmented crops."""

    def __init__(self, recipe: Recipe, dataset: Dataset) -> None:
        if not dataset.samples:
            raise StreamdeqError(f"expected labelled frames in split '{dataset.split}' of {dataset.name}, got none")
        self.recipe, self.dataset = recipe, dataset
        self.augmentation = recipe.augment.transform(recipe.crop_hw, recipe.size, recipe.longest)
        self.unchanged = Augmentation.unchanged(recipe.crop_hw, recipe.size, recipe.longest)
        self.class_weights = class_weights(recipe.class_weights, dataset)

    def batch(self, step: int) -> Batch:
        return self._batch(step, "order", "augment", self.augmentation)

    def plain(self, index: int) -> Batch:
        return self._batch(index, "statistics", "statistics", self.unchanged)

    def losses(self, head: nn.Module, z: Latent, targets: Tensor) -> dict[str, Tensor]:
        weights = self.class_weights
        return head.losses(  # type: ignore[operator]
            z, targets, class_weights=None if weights is None else weights.to(targets.device), ohem=self.recipe.ohem
        )

    def _batch(self, step: int, order: str, purpose: str, augmentation: Augmentation | AreaCrop) -> Batch:
        batch = draw_batch(self.recipe, self.dataset, step, order, purpose, augmentation)
        if self.recipe.ohem:  # its mean is over pixels that only the network's answer shows
            return batch
        return replace(batch, weight=total_weight(batch.targets, IGNORE_INDEX, self.class_weights).item())


def class_weights(name: str, dataset: Dataset) -> Tensor | None:
    """What the recipe's `class_weights` means for these data.

    Raises:
        StreamdeqError: the published ones, for other classes.
    """
    if name == "inverse-log-frequency":
        return inverse_log_frequency(dataset)
    if name == "none":
        return None
    if dataset.classes != cityscapes.CLASSES:
        raise StreamdeqError(
            f"recipe: class_weights=cityscapes is for its {len(cityscapes.CLASSES)} classes; {dataset.name} has "
            f"{len(dataset.classes)} of its own; set class_weights=inverse-log-frequency"
        )
    return torch.tensor(cityscapes.CLASS_WEIGHTS)


def inverse_log_frequency(dataset: Dataset) -> Tensor:
    """Class weights 1 / ln(1.02 + p), p a class's share of the labelled pixels (ENet, Paszke et al. 2016)."""
    counts = np.zeros(256, dtype=np.int64)
    for clip, t in dataset.samples:
        counts += np.bincount(clip.target(t).ravel(), minlength=256)
    counts = counts[: len(dataset.classes)]
    share = counts / max(1, counts.sum())
    return torch.from_numpy(1 / np.log(1.02 + share)).float()
