"""How classification is trained: cross-entropy on augmented crops, one class index per picture.

Where a teacher's vector comes with it, the target is the index and the vector, one after the other.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from streamdeq.data.augment.pictures import AreaCrop, Augmentation
from streamdeq.data.base import Dataset
from streamdeq.data.described import Described
from streamdeq.data.sampling import SampleRecipe, Transform
from streamdeq.tasks.objective import Objective, pictures, refuse


def objective(recipe: SampleRecipe, dataset: Dataset) -> Objective:
    refuse({"class_weights": recipe.class_weights}, "classification")
    refuse({"ohem": recipe.ohem}, "classification, which has no pixels to choose among")
    augmented, unchanged = (_with_class(augmentation) for augmentation in pictures(recipe))
    return Objective(recipe, dataset, augmented, unchanged)


def _with_class(augmentation: Augmentation | AreaCrop) -> Transform:
    def transform(image: np.ndarray, target: Any, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        view: Any = augmentation.view((image.shape[0], image.shape[1]), rng)
        return augmentation.picture(image, view, rng), _tensor(target)

    return transform


def _tensor(target: int) -> Tensor:
    """(), int64; or (1 + D,) float32."""
    if not isinstance(target, Described):
        return torch.tensor(target)
    return torch.from_numpy(np.concatenate([[target], target.vector]).astype(np.float32))
