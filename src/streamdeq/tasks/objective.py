"""What a task is trained on and for: batches of a training split, and the losses on them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from streamdeq.data.augment.pictures import AreaCrop, Augmentation
from streamdeq.data.base import Dataset
from streamdeq.data.sampling import Batch, SampleRecipe, Transform, draw_batch
from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent


def head_losses(head: nn.Module, z: Latent, targets: Any) -> dict[str, Tensor]:
    """Those that the head has by itself."""
    return head.losses(z, targets)  # type: ignore[operator]


@dataclass(frozen=True)
class Objective:
    """A task on one training split.

    Args:
        augmented: what makes a training sample of a labelled frame.
        unchanged: the same without augmentation, for pictures to estimate statistics on.
        collate: the samples' targets → the batch's, any pytree of tensors.
        losses: head, latent, the batch's targets → named losses, each float32 and averaged over the batch; their sum is
            minimised.
        weight: the batch's targets → what the mean in its losses is over; None: rows.
    """

    recipe: SampleRecipe
    dataset: Dataset
    augmented: Transform
    unchanged: Transform
    collate: Callable[[list[Any]], Any] = torch.stack
    losses: Callable[[nn.Module, Latent, Any], dict[str, Tensor]] = head_losses
    weight: Callable[[Any], float] | None = None

    def __post_init__(self) -> None:
        if not self.dataset.samples:
            split, name = self.dataset.split, self.dataset.name
            raise StreamdeqError(f"expected labelled frames in split '{split}' of {name}, got none")

    def batch(self, step: int) -> Batch:
        """The batch of a step: a pure function of (seed, step), callable from any thread."""
        return self._draw(step, "order", "augment", self.augmented)

    def plain(self, index: int) -> Batch:
        """A batch of unaugmented training pictures."""
        return self._draw(index, "statistics", "statistics", self.unchanged)

    def _draw(self, index: int, order: str, purpose: str, transform: Transform) -> Batch:
        batch = draw_batch(self.recipe, self.dataset, index, order, purpose, transform, self.collate)
        return replace(batch, weight=self.weight(batch.targets)) if self.weight else batch


def pictures(recipe: SampleRecipe) -> tuple[Augmentation | AreaCrop, Augmentation]:
    """What makes samples of a picture, with and without augmentation."""
    shape = recipe.crop_hw, recipe.size, recipe.longest, recipe.stride
    plain = replace(recipe.augment, area_range=None).transform(*shape)
    assert isinstance(plain, Augmentation)  # it has no area_range
    return recipe.augment.transform(*shape), plain.unchanged()


def views(recipe: SampleRecipe, task: str) -> tuple[Augmentation, Augmentation]:
    """The same for a task whose targets change where a picture is stretched.

    Raises:
        StreamdeqError: the recipe stretches.
    """
    refuse({"augment.area_range": recipe.augment.area_range}, f"{task}: stretching changes what is labelled")
    augmented, unchanged = pictures(recipe)
    assert isinstance(augmented, Augmentation)  # it has no area_range
    return augmented, unchanged


def refuse(settings: dict[str, Any], task: str) -> None:
    """Raise StreamdeqError where one of these settings of a recipe, which the task has no use for, is given."""
    for name, value in settings.items():
        if value not in (None, "none"):
            got = f"; got '{value}'" if isinstance(value, str) else ""
            raise StreamdeqError(f"recipe: {name} must be none for {task}{got}")
