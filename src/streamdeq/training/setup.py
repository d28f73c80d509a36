"""What a run begins with, made of a recipe and a data set: the model's description, its weights, its pictures."""

import os
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from streamdeq.codec import to_plain
from streamdeq.data.base import Dataset
from streamdeq.data.randomness import generator, torch_seed
from streamdeq.data.sampling import Batch
from streamdeq.errors import StreamdeqError
from streamdeq.models import zoo
from streamdeq.models.mdeq import Network
from streamdeq.models.spec import IMAGENET_MEAN, IMAGENET_STD, ModelSpec, Provenance
from streamdeq.tasks import build_network
from streamdeq.training.plan import StartKind
from streamdeq.training.recipe import Recipe
from streamdeq.training.recipes import RECIPES


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


def initial_weights(recipe: Recipe) -> Path | None:
    """The file that a run of the recipe begins with; None: with random weights.

    Raises:
        StreamdeqError: there is none; or the recipe asks for the weights of another, which have to be given.
    """
    if recipe.init is None:
        return None
    if recipe.init in RECIPES and recipe.init not in (*zoo.names(), *zoo.RESEARCH) and not os.path.isfile(recipe.init):
        raise StreamdeqError(
            f"{recipe.name} begins with the weights of {recipe.init}: expected --init FILE, got none; `streamdeq "
            "import` makes such a file of the published ones, init=none begins with random weights"
        )
    return zoo.find(recipe.init)


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
