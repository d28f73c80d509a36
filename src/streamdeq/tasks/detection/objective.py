"""How detection is trained: on still frames, their boxes cut along with augmented crops.

Objects to be ignored are not trained on, and no place is kept from being background for them.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from streamdeq.data.augment.pictures import Augmentation, View
from streamdeq.data.base import Dataset
from streamdeq.data.sampling import SampleRecipe, Transform
from streamdeq.tasks.detection.head import Target
from streamdeq.tasks.objective import Objective, refuse, views
from streamdeq.values.boxes import Boxes

#: An object of which a crop shows less than this share is not to be found in it.
SHOWN = 0.3


def objective(recipe: SampleRecipe, dataset: Dataset) -> Objective:
    refuse({"class_weights": recipe.class_weights}, "detection")
    refuse({"ohem": recipe.ohem}, "detection, which samples its own hard ones")
    augmented, unchanged = (_with_boxes(augmentation) for augmentation in views(recipe, "detection"))
    return Objective(recipe, dataset, augmented, unchanged, collate=list)


def _with_boxes(augmentation: Augmentation) -> Transform:
    def transform(image: np.ndarray, target: Boxes, rng: np.random.Generator) -> tuple[Tensor, Any]:
        view = augmentation.view((image.shape[0], image.shape[1]), rng)
        return augmentation.picture(image, view, rng), cut(target, view)

    return transform


def cut(target: Boxes, view: View) -> Target:
    """What of a frame's objects is to be found in a view of it."""
    height, width = view.size_hw
    whole = view.boxes(target[~target.ignore & target.visible].xyxy)
    shown = whole.clip(0, np.array([width, height] * 2, np.float32))
    kept = _areas(shown) >= SHOWN * _areas(whole)
    labels = target.labels[~target.ignore & target.visible][kept]
    return Target(torch.from_numpy(shown[kept]), torch.from_numpy(labels), view.size_hw)


def _areas(xyxy: np.ndarray) -> np.ndarray:
    return (xyxy[:, 2:] - xyxy[:, :2]).clip(min=0).prod(axis=1)
