"""What the loop asks of a task beyond its folder: samples and loss. Knows the data set, no optimiser.

The loop does not know what is trained. Legend: B samples of a batch, h×w the recipe's crop.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from streamdeq.data import cityscapes
from streamdeq.data.base import IGNORE_INDEX, Dataset
from streamdeq.data.transforms import AreaCrop, Augmentation, Jitter
from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.models.mdeq import Network
from streamdeq.models.spec import IMAGENET_MEAN, IMAGENET_STD, ModelSpec, Provenance
from streamdeq.registry import Registry
from streamdeq.tasks import build_network
from streamdeq.tasks.segmentation.loss import total_weight
from streamdeq.training.plain import to_plain
from streamdeq.training.randomness import generator, sample_index, torch_seed
from streamdeq.training.recipe import Recipe


@dataclass(frozen=True)
class Batch:
    """`images` (B, 3, h, w) uint8 RGB, and the task's targets.

    `weight` is what the mean in its losses is over, where a batch is divided into unlike parts; None: rows.
    """

    images: Tensor
    targets: Any
    weight: float | None = None


class Work(Protocol):
    """One task on one training split."""

    def batch(self, step: int) -> Batch:
        """The batch of a step: a pure function of (seed, step), callable from any thread."""
        ...

    def plain(self, index: int) -> Batch:
        """A batch of unaugmented training pictures, to estimate statistics on."""
        ...

    def losses(self, head: nn.Module, z: Latent, targets: Any) -> dict[str, Tensor]:
        """Named losses, each float32 and averaged over the batch; their sum is minimised."""
        ...


class WorkFactory(Protocol):
    def __call__(self, recipe: Recipe, dataset: Dataset, /) -> Work: ...


WORKS: Registry[WorkFactory] = Registry("task")


@WORKS.register("segmentation")
class SegmentationWork:
    """Cross-entropy on augmented crops."""

    def __init__(self, recipe: Recipe, dataset: Dataset) -> None:
        if not dataset.samples:
            raise StreamdeqError(f"expected labelled frames in split '{dataset.split}' of {dataset.name}, got none")
        self.recipe, self.dataset = recipe, dataset
        self.augmentation = recipe.augment.transform(recipe.crop_hw, recipe.size)
        self.unchanged = Augmentation(recipe.crop_hw, recipe.size, (1.0, 1.0), 0.0, Jitter(0.0, 0.0, 0.0, 0.0))
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
        self.augmentation = recipe.augment.transform(recipe.crop_hw, recipe.size)
        self.unchanged = Augmentation(recipe.crop_hw, recipe.size, (1.0, 1.0), 0.0, Jitter(0.0, 0.0, 0.0, 0.0))

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


#: From a frame, its target and the sample's own randomness to tensors of one size.
Transform = Callable[[np.ndarray, Any, np.random.Generator], tuple[Tensor, Tensor]]


def draw_batch(recipe: Recipe, dataset: Dataset, step: int, order: str, purpose: str, transform: Transform) -> Batch:
    """The samples that `order` gives to `step`, each transformed with randomness named `purpose`."""
    seed, samples = recipe.seed, dataset.samples
    images, targets = [], []
    for position in range(step * recipe.batch, (step + 1) * recipe.batch):
        clip, t = samples[sample_index(seed, order, position, len(samples))]
        image, target = transform(clip.image(t), clip.target(t), generator(seed, purpose, position))
        images.append(image)
        targets.append(target)
    return Batch(torch.stack(images), torch.stack(targets))


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


def spec_of(recipe: Recipe, dataset: Dataset) -> ModelSpec:
    """The description of what the recipe trains on these data.

    Raises:
        StreamdeqError: the data are for another task.
    """
    if dataset.task != recipe.task:
        raise StreamdeqError(f"expected data for {recipe.task}, got {dataset.name}, which is for {dataset.task}")
    provenance = Provenance(to_plain(recipe), f"{dataset.name} {dataset.split}", dataset.licence)
    return ModelSpec(
        name=recipe.name,
        task=recipe.task,
        architecture=recipe.architecture,
        classes=dataset.classes,
        palette=dataset.palette,
        size=recipe.size,
        solver=recipe.implicit.solver if recipe.implicit else "picard",
        provenance=provenance,
    )


def initial_network(spec: ModelSpec, seed: int) -> Network:
    """A new network whose weights come from the seed."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(torch_seed(seed, "weights", 0))
        return build_network(spec)


def normalised(images: Tensor) -> Tensor:
    """uint8 RGB (B, 3, h, w) → float32, zero mean and unit variance over ImageNet."""
    mean = images.new_tensor(IMAGENET_MEAN, dtype=torch.float32)[:, None, None]
    std = images.new_tensor(IMAGENET_STD, dtype=torch.float32)[:, None, None]
    return (images.float() / 255 - mean) / std
