"""The detection head: Faster R-CNN on a feature pyramid of the equilibrium's scales.

All of it is torchvision's; ours is what binds it to a latent. Two stages: `forward` is maps from maps, as cheap to
capture as a segmentation head; `detect` makes boxes of one row's maps, and how many there are depends on what is seen.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.faster_rcnn import TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import concat_box_prediction_layers
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from streamdeq.latent import Latent
from streamdeq.tasks.detection.regions import (
    POOLED,
    AlignedPooling,
    Anchors,
    Predictor,
    Proposals,
    Proposer,
    box_loss,
    level_strides,
)
from streamdeq.tasks.detection.settings import DetectorSettings

HW = tuple[int, int]


class Maps(NamedTuple):
    """What `forward` gives, lists over the levels: (B, C, h, w), (B, A, h, w), (B, 4A, h, w)."""

    pyramid: list[Tensor]
    objectness: list[Tensor]
    deltas: list[Tensor]


class Target(NamedTuple):
    """One picture's objects: (N, 4) xyxy in canvas pixels, (N,) int64 class indices, and its own size on the canvas."""

    boxes: Tensor
    labels: Tensor
    content_hw: HW


class Found(NamedTuple):
    """One picture's detections, the best first: (N, 4) xyxy in canvas pixels, (N,) 0–1, (N,) int64 class indices."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor


class DetectionHead(nn.Module):
    """No norm in it, so small batches change nothing."""

    def __init__(self, channels: tuple[int, ...], classes: int, settings: DetectorSettings) -> None:
        super().__init__()
        s, strides = settings, level_strides(len(channels))
        self.fpn = FeaturePyramidNetwork(list(channels), s.channels, LastLevelMaxPool())
        self.box_beta = s.box_beta
        self.rpn = Proposals(
            s.box_beta,
            Anchors(strides, s.anchor_scales, s.anchor_ratios),
            Proposer(s.channels, len(s.anchor_scales) * len(s.anchor_ratios)),
            fg_iou_thresh=0.7,
            bg_iou_thresh=0.3,
            batch_size_per_image=s.anchor_samples,
            positive_fraction=0.5,
            pre_nms_top_n={"training": s.train_candidates, "testing": s.candidates},
            post_nms_top_n={"training": s.train_proposals, "testing": s.proposals},
            nms_thresh=0.7,
        )
        self.roi_heads = RoIHeads(
            AlignedPooling(strides[:-1], s.finest),
            TwoMLPHead(s.channels * POOLED**2, s.hidden),
            Predictor(s.hidden, classes + 1),
            fg_iou_thresh=0.5,
            bg_iou_thresh=0.5,
            batch_size_per_image=s.region_samples,
            positive_fraction=0.25,
            bbox_reg_weights=(10.0, 10.0, 5.0, 5.0),
            score_thresh=s.least_score,
            nms_thresh=s.overlap,
            detections_per_img=s.detections,
        )

    def forward(self, z: Latent) -> Maps:
        """Latent → the maps of the first stage."""
        pyramid = self._pyramid(z)
        return Maps(list(pyramid.values()), *self.rpn.head(list(pyramid.values())))

    @torch.no_grad()
    def detect(self, maps: Maps, content_hw: HW) -> Found:
        """One row's maps (batch axis of length 1) → its objects, within `content_hw` of the canvas."""
        picture = ImageList(maps.objectness[0], [content_hw])
        counts = [level[0].numel() for level in maps.objectness]
        objectness, deltas = concat_box_prediction_layers(maps.objectness, maps.deltas)
        boxes = self.rpn.box_coder.decode(deltas, self.rpn.anchor_generator(picture, maps.objectness))
        proposals, _ = self.rpn.filter_proposals(boxes.view(1, -1, 4), objectness, [content_hw], counts)
        [found], _ = self.roi_heads(_named(maps.pyramid), proposals, [content_hw])
        return Found(found["boxes"], found["scores"], found["labels"] - 1)

    def losses(self, z: Latent, targets: Sequence[Target]) -> dict[str, Tensor]:
        """Objectness and box of the proposals, class and box of the regions.

        Which anchors and regions are sampled comes from torch's global generator.
        """
        truth = as_torchvision(targets)
        sizes, pyramid = [t.content_hw for t in targets], self._pyramid(z)
        proposals, first = self.rpn(ImageList(z.maps[0], sizes), pyramid, truth)
        regions = self.roi_heads
        proposals, _, matched, moved = regions.select_training_samples(proposals, truth)
        pooled = regions.box_head(regions.box_roi_pool(pyramid, proposals, sizes))
        logits, deltas = regions.box_predictor(pooled)
        labels = torch.cat(matched)
        found = torch.where(labels > 0)[0]
        own = deltas.view(len(deltas), -1, 4)[found, labels[found]]
        return {
            "objectness": first["loss_objectness"],
            "proposals": first["loss_rpn_box_reg"],
            "classes": F.cross_entropy(logits, labels),
            "boxes": box_loss(own, torch.cat(moved)[found], len(labels), self.box_beta),
        }

    def fold(self) -> None:
        """Nothing to bake: there is no norm."""

    def _pyramid(self, z: Latent) -> dict[str, Tensor]:
        return self.fpn(_named(z.maps))


def as_torchvision(targets: Sequence[Target]) -> list[dict[str, Tensor]]:
    """Targets as torchvision's detectors are trained on; the background is its class 0."""
    # A box without area has no shape to learn, and would match every anchor that touches no object.
    kept = [(t.boxes[:, 2:] > t.boxes[:, :2]).all(dim=1) for t in targets]
    return [{"boxes": t.boxes[k], "labels": t.labels[k] + 1} for t, k in zip(targets, kept, strict=True)]


def _named(levels: Sequence[Tensor]) -> dict[str, Tensor]:
    """As torchvision names levels; the last of a pyramid, which regions are never read from, is `pool` there."""
    return {str(number): level for number, level in enumerate(levels)}
