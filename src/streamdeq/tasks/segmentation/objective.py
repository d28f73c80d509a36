"""How segmentation is trained: cross-entropy on augmented crops, with class weights or on the hard pixels."""

import numpy as np
import torch
from torch import Tensor, nn

from streamdeq.data.base import IGNORE_INDEX, Dataset
from streamdeq.data.sampling import SampleRecipe
from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.tasks.objective import Objective, pictures
from streamdeq.tasks.segmentation.loss import total_weight


def objective(recipe: SampleRecipe, dataset: Dataset) -> Objective:
    weights = class_weights(recipe.class_weights, dataset)

    def losses(head: nn.Module, z: Latent, targets: Tensor) -> dict[str, Tensor]:
        own = None if weights is None else weights.to(targets.device)
        return head.losses(z, targets, class_weights=own, ohem=recipe.ohem)  # type: ignore[operator]

    def weight(targets: Tensor) -> float:
        return total_weight(targets, IGNORE_INDEX, weights).item()

    # The mean over hard pixels is over a number that only the network's answer shows.
    return Objective(recipe, dataset, *pictures(recipe), losses=losses, weight=None if recipe.ohem else weight)


def class_weights(name: str, dataset: Dataset) -> Tensor | None:
    """What the recipe's `class_weights` means for these data.

    Raises:
        StreamdeqError: the published ones, for other classes.
    """
    if name == "inverse-log-frequency":
        return inverse_log_frequency(dataset)
    if name == "none":
        return None
    from streamdeq.data.readers import cityscapes  # a reader: what runs a model does without

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
