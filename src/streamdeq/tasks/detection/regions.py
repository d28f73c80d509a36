"""Anchors as published, and reading features at boxes as published: torchvision's parts where they differ.

Legend: levels of the pyramid have fixed strides 4, 8, 16, …
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead
from torchvision.ops import roi_align
from torchvision.ops.poolers import LevelMapper

#: Cells per side of what is read at a box.
POOLED = 7


def level_strides(scales: int) -> list[int]:
    """Canvas pixels per cell of each level of the pyramid: of so many scales, and of one coarser level."""
    return [4 * 2**level for level in range(scales + 1)]


def precise(x: Tensor) -> Tensor:
    """Boxes and scores are computed in float32 at least: bfloat16 has 8 bits, and a frame more than 256 pixels."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


class Anchors(AnchorGenerator):
    """Boxes of every scale and ratio around each cell, neither rounded nor moved by how a level's size was rounded."""

    def __init__(self, strides: Sequence[int], scales: Sequence[float], ratios: Sequence[float]) -> None:
        sides = tuple(tuple(scale * stride for scale in scales) for stride in strides)
        super().__init__(sides, (tuple(ratios),) * len(strides))
        self.strides = tuple(strides)

    def generate_anchors(
        self,
        scales: Sequence[float],
        aspect_ratios: Sequence[float],
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
    ) -> Tensor:
        """(A, 4) around 0; the ratio is height over width and keeps the area."""
        sides = torch.as_tensor(scales, dtype=torch.float64)
        tall = torch.as_tensor(aspect_ratios, dtype=torch.float64).sqrt()
        widths, heights = (sides / tall[:, None]).flatten(), (sides * tall[:, None]).flatten()
        return torch.stack([-widths, -heights, widths, heights], dim=1).div(2).to(dtype)

    def forward(self, image_list: ImageList, feature_maps: Sequence[Tensor]) -> list[Tensor]:
        """(anchors of all levels, 4) for each picture, the same for all."""
        device = feature_maps[0].device
        dtype = torch.promote_types(feature_maps[0].dtype, torch.float32)
        # From their definition, not from what they were converted to before: float64 after float32 is exact again.
        self.cell_anchors = [
            self.generate_anchors(sides, ratios, dtype).to(device)  # type: ignore[arg-type]
            for sides, ratios in zip(self.sizes, self.aspect_ratios, strict=True)
        ]
        steps = [[torch.tensor(stride, device=device)] * 2 for stride in self.strides]
        sizes = [list(level.shape[-2:]) for level in feature_maps]
        anchors = torch.cat(self.grid_anchors(sizes, steps))
        return [anchors for _ in image_list.image_sizes]


class AlignedPooling(nn.Module):
    """Features at boxes, `roi_align(aligned=True, sampling_ratio=0)`: (boxes, C, 7, 7).

    `MultiScaleRoIAlign` is never aligned, and takes its strides from the first pictures it sees.
    """

    def __init__(self, strides: Sequence[int], finest: float) -> None:
        super().__init__()
        self.strides = tuple(strides)
        self.mapper = LevelMapper(0, len(strides) - 1, canonical_scale=finest, canonical_level=0)  # type: ignore[arg-type]

    def forward(self, features: dict[str, Tensor], boxes: list[Tensor], image_shapes: object) -> Tensor:
        given = list(features.values())[: len(self.strides)]
        levels = [precise(level) for level in given]  # nobody reads at boxes in bfloat16
        picture = torch.cat([box.new_full((len(box), 1), i) for i, box in enumerate(boxes)])
        rois, chosen = torch.cat([picture, torch.cat(boxes)], dim=1), self.mapper(boxes)
        pooled = levels[0].new_zeros(len(rois), levels[0].shape[1], POOLED, POOLED)
        for number, (level, stride) in enumerate(zip(levels, self.strides, strict=True)):
            here = torch.where(chosen == number)[0]
            pooled[here] = roi_align(level, rois[here].to(level.dtype), POOLED, 1 / stride, 0, aligned=True)
        return pooled.to(given[0].dtype)


def box_loss(deltas: Tensor, targets: Tensor, samples: int, beta: float) -> Tensor:
    """Smooth L1, per sample of which these (N, 4) are those on objects; L1 where `beta` is 0."""
    return F.smooth_l1_loss(deltas, targets, beta=beta, reduction="sum") / samples


class Proposals(RegionProposalNetwork):
    """torchvision's, whose loss on boxes has a β of its own."""

    def __init__(self, box_beta: float, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.box_beta = box_beta

    def compute_loss(
        self,
        objectness: Tensor,
        pred_bbox_deltas: Tensor,
        labels: list[Tensor],
        regression_targets: list[Tensor],
    ) -> tuple[Tensor, Tensor]:
        """Of objectness and of boxes, over anchors sampled from torch's global generator."""
        positive, negative = (torch.where(torch.cat(chosen))[0] for chosen in self.fg_bg_sampler(labels))
        sampled, truth, moved = torch.cat([positive, negative]), torch.cat(labels), torch.cat(regression_targets)
        objects = F.binary_cross_entropy_with_logits(objectness.flatten()[sampled], truth[sampled])
        return objects, box_loss(pred_bbox_deltas[positive], moved[positive], len(sampled), self.box_beta)


class Proposer(RPNHead):
    """Objectness and box per anchor, in float32 at least."""

    def forward(self, x: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        logits, deltas = super().forward(x)
        return [precise(level) for level in logits], [precise(level) for level in deltas]


class Predictor(FastRCNNPredictor):
    """Class and box per region, in float32 at least."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        logits, deltas = super().forward(x)
        return precise(logits), precise(deltas)
