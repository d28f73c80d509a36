"""Segmentation as the loop trains it: label maps on augmented crops, class weights. Knows no optimiser."""

import numpy as np
import torch
from torch import Tensor, nn

from streamdeq.data.base import Dataset
from streamdeq.data.transforms import Augmentation, Jitter
from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.training.recipe import Recipe
from streamdeq.training.work import WORKS, Batch, draw_batch


@WORKS.register("segmentation")
class SegmentationWork:
    """Cross-entropy on augmented crops."""

    def __init__(self, recipe: Recipe, dataset: Dataset) -> None:
        if not dataset.samples:
            raise StreamdeqError(f"expected labelled frames in split '{dataset.split}' of {dataset.name}, got none")
        self.recipe, self.dataset = recipe, dataset
        augment = recipe.augment
        self.augmentation = Augmentation(recipe.crop_hw, recipe.size, augment.scale_range, augment.flip, augment.jitter)
        self.unchanged = Augmentation(recipe.crop_hw, recipe.size, (1.0, 1.0), 0.0, Jitter(0.0, 0.0, 0.0, 0.0))
        weighted = recipe.class_weights == "inverse-log-frequency"
        self.class_weights = inverse_log_frequency(dataset) if weighted else None

    def batch(self, step: int) -> Batch:
        return self._batch(step, "order", "augment", self.augmentation)

    def plain(self, index: int) -> Batch:
        return self._batch(index, "statistics", "statistics", self.unchanged)

    def losses(self, head: nn.Module, z: Latent, targets: Tensor) -> dict[str, Tensor]:
        weights = self.class_weights
        return head.losses(  # type: ignore[operator]
            z, targets, class_weights=None if weights is None else weights.to(targets.device)
        )

    def _batch(self, step: int, order: str, purpose: str, augmentation: Augmentation) -> Batch:
        return draw_batch(self.recipe, self.dataset, step, order, purpose, augmentation)


def inverse_log_frequency(dataset: Dataset) -> Tensor:
    """Class weights 1 / ln(1.02 + p), p a class's share of the labelled pixels (ENet, Paszke et al. 2016)."""
    counts = np.zeros(256, dtype=np.int64)
    for clip, t in dataset.samples:
        counts += np.bincount(clip.target(t).ravel(), minlength=256)
    counts = counts[: len(dataset.classes)]
    share = counts / max(1, counts.sum())
    return torch.from_numpy(1 / np.log(1.02 + share)).float()
