"""What the loop asks of a task beyond its folder: samples and loss. Knows the data set, no optimiser, no task.

The loop does not know what is trained; `works/` has one file per task. Legend: B samples of a batch, h×w the recipe's
crop.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from streamdeq.data.base import Dataset
from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.models.mdeq import Network
from streamdeq.models.spec import IMAGENET_MEAN, IMAGENET_STD, ModelSpec, Provenance
from streamdeq.registry import Registry
from streamdeq.tasks import build_network
from streamdeq.training.plain import to_plain
from streamdeq.training.plan import StartKind
from streamdeq.training.randomness import generator, sample_index, torch_seed
from streamdeq.training.recipe import Recipe


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
        tensors = (self.images, self.targets, self.before)
        images, targets, before = pytree.tree_map_only(Tensor, lambda tensor: tensor.to(device), tensors)
        return Batch(images, targets, self.weight, before)


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


#: From a frame, its target and the sample's own randomness to a picture of one size for all and what goes with it.
Transform = Callable[[np.ndarray, Any, np.random.Generator], tuple[Tensor, Any]]


def draw_batch(
    recipe: Recipe,
    dataset: Dataset,
    step: int,
    order: str,
    purpose: str,
    transform: Transform,
    collate: Callable[[list[Any]], Any] = torch.stack,
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
    return Batch(torch.stack(images), collate(targets))


def with_before(recipe: Recipe, start: StartKind, index: int, batch: Batch) -> Batch:
    """The `index`-th batch with the pictures that a solve begun at `start` comes from: frames before its own, or the
    other ones of the batch (a batch of one has none, and starts from its own latent)."""
    if recipe.streaming is None or start not in (StartKind.WARM, StartKind.CUT):
        return batch
    if start is StartKind.CUT:
        return replace(batch, before=batch.images.roll(1, dims=0))
    position, motion = index * recipe.batch, recipe.streaming.motion
    moved = [motion(image, generator(recipe.seed, "motion", position + i)) for i, image in enumerate(batch.images)]
    return replace(batch, before=torch.stack(moved))


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
        longest=recipe.longest,
        solver=recipe.implicit.solver if recipe.implicit else "picard",
        head={**(to_plain(recipe.head) if recipe.head else {}), **dataset.head},
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
