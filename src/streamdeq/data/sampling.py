"""Batches of a training split: which samples a step has, and how they are put together.

Legend: B samples of a batch, h×w the recipe's crop, or the largest of its samples.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from streamdeq.data.augment.pictures import together
from streamdeq.data.augment.settings import Augment
from streamdeq.data.base import Dataset
from streamdeq.data.randomness import generator, sample_index


class SampleRecipe(Protocol):
    """What of a training recipe decides its samples; `training.recipe.Recipe` says what each is."""

    @property
    def seed(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def size(self) -> int: ...
    @property
    def longest(self) -> int | None: ...
    @property
    def crop_hw(self) -> tuple[int, int] | None: ...
    @property
    def stride(self) -> int: ...
    @property
    def augment(self) -> Augment: ...
    @property
    def class_weights(self) -> str: ...
    @property
    def ohem(self) -> Any: ...


@dataclass(frozen=True)
class Batch:
    """`images` (B, 3, h, w) uint8 RGB, and the task's targets: any pytree of tensors.

    `weight` is what the mean in its losses is over, where a batch is divided into unlike parts; None: rows. `before`,
    like `images`, is what a solve comes from that starts neither from zeros nor from noise.
    """

    images: Tensor
    targets: Any
    weight: float | None = None
    before: Tensor | None = None

    def to(self, device: torch.device) -> "Batch":
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> "Batch":
        """In memory that a GPU copies from by itself; torch's loader asks for it by this name."""
        return self._map(Tensor.pin_memory)

    def _map(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        tensors = (self.images, self.targets, self.before)
        images, targets, before = pytree.tree_map_only(Tensor, change, tensors)
        return Batch(images, targets, self.weight, before)


#: From a frame, its target and the sample's own randomness to a picture of one size for all and what goes with it.
Transform = Callable[[np.ndarray, Any, np.random.Generator], tuple[Tensor, Any]]


def draw_batch(
    recipe: SampleRecipe,
    dataset: Dataset,
    step: int,
    order: str,
    purpose: str,
    transform: Transform,
    collate: Callable[[list[Any]], Any],
) -> Batch:
    """The samples that `order` gives to `step`, each transformed with randomness named `purpose`.

    Args:
        collate: the samples' targets → the batch's.
    """
    seed, samples = recipe.seed, dataset.samples
    images, targets = [], []
    for position in range(step * recipe.batch, (step + 1) * recipe.batch):
        clip, t = samples[sample_index(seed, order, position, len(samples))]
        image, target = transform(clip.image(t), clip.target(t), generator(seed, purpose, position))
        images.append(image)
        targets.append(target)
    return Batch(together(images), collate(targets))
