"""Poses as the loop trains them: one instance per sample, its augmented crop and its points. Knows no optimiser."""

import torch
from torch import Tensor, nn

from streamdeq.data.augment.pose_crops import PoseCrop
from streamdeq.data.base import Dataset
from streamdeq.data.poses import PoseDataset, one_sided
from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.tasks.pose.head import Joints
from streamdeq.training.recipe import Recipe
from streamdeq.training.work import WORKS, Batch, draw_batch


@WORKS.register("pose")
class PoseWork:
    """Mean squared error of heat maps. Frames are drawn uniformly, and of a frame one of its instances."""

    def __init__(self, recipe: Recipe, dataset: Dataset) -> None:
        if not dataset.samples or not isinstance(dataset, PoseDataset):
            raise StreamdeqError(f"expected visible key points in split '{dataset.split}' of {dataset.name}, got none")
        how = recipe.augment
        unused = {
            "class_weights": recipe.class_weights != "none",
            "ohem": recipe.ohem is not None,
            "longest": recipe.longest is not None,
            "augment.area_range": how.area_range is not None,
            "augment.scale_step": how.scale_step is not None,
        }
        for name, given in unused.items():
            if given:
                raise StreamdeqError(f"recipe: {name} must be none for poses")
        if recipe.crop_hw != (recipe.size, recipe.size):
            got = "x".join(map(str, recipe.crop_hw))
            raise StreamdeqError(f"recipe: crop_hw must be size x size for poses ({recipe.size}); got {got}")
        if how.flip and (lost := one_sided(dataset.classes, dataset.mirrored)):
            raise StreamdeqError(
                f"expected the other side of '{lost[0]}' among the key points of {dataset.name}, as mirrored samples "
                f"show it there, got none; name the two alike, pair them by flip_pairs, or train with augment.flip=0"
            )
        self.recipe, self.dataset = recipe, dataset
        self.unchanged = PoseCrop(recipe.size, dataset.classes)
        self.augmentation = PoseCrop(
            recipe.size,
            dataset.classes,
            dataset.mirrored,
            how.scale_range,
            how.rotation,
            how.flip,
            how.half_body,
            how.jitter,
        )

    def batch(self, step: int) -> Batch:
        return draw_batch(self.recipe, self.dataset, step, "order", "augment", self.augmentation, together)

    def plain(self, index: int) -> Batch:
        return draw_batch(self.recipe, self.dataset, index, "statistics", "statistics", self.unchanged, together)

    def losses(self, head: nn.Module, z: Latent, targets: Joints) -> dict[str, Tensor]:
        return head.losses(z, targets)  # type: ignore[operator]


def together(samples: list[tuple[Tensor, Tensor]]) -> Joints:
    points, weights = zip(*samples, strict=True)
    return Joints(torch.stack(points), torch.stack(weights))
