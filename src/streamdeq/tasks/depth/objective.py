"""How depth is trained: the logarithm's error on augmented crops.

What a crop shows larger looks nearer, so its depths are divided by how much larger it is than at inference.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from streamdeq.data.augment.pictures import Augmentation, View
from streamdeq.data.base import Dataset
from streamdeq.data.sampling import SampleRecipe, Transform
from streamdeq.tasks.objective import Objective, refuse, views


def objective(recipe: SampleRecipe, dataset: Dataset) -> Objective:
    refuse({"class_weights": recipe.class_weights, "ohem": recipe.ohem}, "depth, which has no classes")
    augmented, unchanged = (_with_depth(augmentation) for augmentation in views(recipe, "depth"))
    return Objective(recipe, dataset, augmented, unchanged, weight=lambda targets: float((~targets.isnan()).sum()))


def _with_depth(augmentation: Augmentation) -> Transform:
    def transform(image: np.ndarray, target: np.ndarray, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        frame_hw = (image.shape[0], image.shape[1])
        view = augmentation.view(frame_hw, rng)
        depth_m = target * augmentation.factor(frame_hw) * (view.rows.stop - view.rows.start) / view.size_hw[0]
        return augmentation.picture(image, view, rng), cut(depth_m, view, augmentation.canvas_hw(view))

    return transform


def cut(depth_m: np.ndarray, view: View, crop_hw: tuple[int, int]) -> Tensor:
    """(h, w) float32: what the view shows of (H, W), top left in the crop, NaN around it."""
    part = torch.from_numpy(depth_m[view.rows, view.columns].astype(np.float32))[None, None]
    part = F.interpolate(part, view.size_hw, mode="nearest-exact")[0, 0]
    whole = torch.full(crop_hw, torch.nan)
    whole[: view.size_hw[0], : view.size_hw[1]] = part.flip(-1) if view.mirrored else part
    return whole
