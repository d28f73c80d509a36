"""How poses are trained: mean squared error of heat maps. Of a uniformly drawn frame one instance, its augmented crop
and its points."""

import torch
from torch import Tensor

from streamdeq.data.augment.pose_crops import PoseCrop
from streamdeq.data.base import Dataset
from streamdeq.data.poses import PoseDataset, one_sided
from streamdeq.data.sampling import SampleRecipe
from streamdeq.errors import StreamdeqError
from streamdeq.tasks.objective import Objective, refuse
from streamdeq.tasks.pose.head import Joints


def objective(recipe: SampleRecipe, dataset: Dataset) -> Objective:
    if not dataset.samples or not isinstance(dataset, PoseDataset):
        raise StreamdeqError(f"expected visible key points in split '{dataset.split}' of {dataset.name}, got none")
    how = recipe.augment
    unused = {
        "class_weights": recipe.class_weights,
        "ohem": recipe.ohem,
        "longest": recipe.longest,
        "augment.area_range": how.area_range,
        "augment.scale_step": how.scale_step,
    }
    refuse(unused, "poses")
    if recipe.crop_hw != (recipe.size, recipe.size):
        got = "x".join(map(str, recipe.crop_hw or ("none",)))
        raise StreamdeqError(f"recipe: crop_hw must be size x size for poses ({recipe.size}); got {got}")
    if how.flip and (lost := one_sided(dataset.classes, dataset.mirrored)):
        raise StreamdeqError(
            f"expected the other side of '{lost[0]}' among the key points of {dataset.name}, as mirrored samples "
            f"show it there, got none; name the two alike, pair them by flip_pairs, or train with augment.flip=0"
        )
    augmented = PoseCrop(
        recipe.size,
        dataset.classes,
        dataset.mirrored,
        how.scale_range,
        how.rotation,
        how.flip,
        how.half_body,
        how.jitter,
        how.scale_deviation,
        how.rotation_deviation,
    )
    return Objective(recipe, dataset, augmented, PoseCrop(recipe.size, dataset.classes), together)


def together(samples: list[tuple[Tensor, Tensor]]) -> Joints:
    points, weights = zip(*samples, strict=True)
    return Joints(torch.stack(points), torch.stack(weights))
