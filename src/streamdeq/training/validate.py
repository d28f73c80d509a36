"""Single-frame quality while training: from zeros, at several step counts. Knows segmentation only so far.

For choosing hyper-parameters on a held-out split; the streaming protocol and its tables are `evaluation`'s.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.transforms.v2 import functional as tv

from streamdeq.data.base import Dataset
from streamdeq.implicit.unroll import Unroll
from streamdeq.models.mdeq import Network
from streamdeq.tasks.segmentation.head import resize
from streamdeq.tasks.segmentation.metric import ConfusionMatrix
from streamdeq.training.compute import autocast, problem
from streamdeq.training.recipe import Recipe
from streamdeq.training.work import normalised

COUNTS = (1, 2, 4, 8, 14, 20)


@torch.no_grad()
def single_frame_miou(
    network: Network, dataset: Dataset, recipe: Recipe, device: torch.device, counts: Sequence[int] = COUNTS
) -> dict[int, float]:
    """mIoU in points over the labelled frames, per number of unrollings, at the recipe's working size."""
    matrices = {count: ConfusionMatrix(len(dataset.classes)) for count in counts}
    was_training = network.training
    network.eval()
    try:
        for clip, t in dataset.samples:
            _score(network, clip.image(t), clip.target(t), recipe, device, matrices)
    finally:
        network.train(was_training)
    return {count: matrix.miou for count, matrix in matrices.items()}


def _score(
    network: Network,
    image: np.ndarray,
    target: np.ndarray,
    recipe: Recipe,
    device: torch.device,
    matrices: dict[int, ConfusionMatrix],
) -> None:
    canvas, content_hw = _canvas(image, recipe.size, recipe.architecture.stride)
    with autocast(recipe.precision, device):
        f, z = problem(network, canvas.to(device))
        done = 0
        for count, matrix in sorted(matrices.items(), key=lambda item: item[0]):
            z = Unroll(last=1)(f, z, count - done)
            done = count
            labels = _labels(network.head(z).float(), canvas.shape[-2:], content_hw, target.shape)
            matrix.update(labels, target)


def _canvas(image: np.ndarray, size: int, stride: int) -> tuple[Tensor, tuple[int, int]]:
    """(1, 3, H, W) normalised, sides multiples of the stride, zeros right and below; and the content's size."""
    height, width = image.shape[:2]
    scale = size / min(height, width)
    content = (max(1, round(height * scale)), max(1, round(width * scale)))
    picture = torch.from_numpy(image).permute(2, 0, 1)[None]
    picture = normalised(tv.resize(picture, list(content), antialias=True))
    return F.pad(picture, (0, -content[1] % stride, 0, -content[0] % stride)), content


def _labels(logits: Tensor, canvas_hw: Sequence[int], content_hw: tuple[int, int], label_hw: tuple[int, ...]) -> Tensor:
    if tuple(canvas_hw) != content_hw:
        logits = resize(logits, (canvas_hw[0], canvas_hw[1]))[..., : content_hw[0], : content_hw[1]]
    return resize(logits, (label_hw[0], label_hw[1])).argmax(1)[0]
