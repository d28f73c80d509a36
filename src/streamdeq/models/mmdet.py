"""From mmdet 2.10's names and orders to the detection head's.

Its background is the last class, here it is the first; its boxes have no entry for the background, here there is one,
which nobody reads. Pictures are RGB with ImageNet's mean and deviation in both.
"""

import re
from typing import Any

import torch
from torch import Tensor

Tensors = dict[str, Tensor]

#: The layer that has one output per class, and one for the background.
SIGN = "roi_head.bbox_head.fc_cls.weight"

_NAMES = (
    (r"neck\.lateral_convs\.(\d+)\.conv\.", r"fpn.inner_blocks.\1.0."),
    (r"neck\.fpn_convs\.(\d+)\.conv\.", r"fpn.layer_blocks.\1.0."),
    (r"rpn_head\.rpn_conv\.", "rpn.head.conv.0.0."),
    (r"rpn_head\.rpn_cls\.", "rpn.head.cls_logits."),
    (r"rpn_head\.rpn_reg\.", "rpn.head.bbox_pred."),
    (r"roi_head\.bbox_head\.shared_fcs\.0\.", "roi_heads.box_head.fc6."),
    (r"roi_head\.bbox_head\.shared_fcs\.1\.", "roi_heads.box_head.fc7."),
    (r"roi_head\.bbox_head\.fc_cls\.", "roi_heads.box_predictor.cls_score."),
    (r"roi_head\.bbox_head\.fc_reg\.", "roi_heads.box_predictor.bbox_pred."),
)


def head_settings(tensors: Tensors) -> dict[str, Any]:
    """What the shapes tell of the head; thresholds, anchors and samples are the published ones."""
    return {
        "channels": tensors["neck.fpn_convs.0.conv.weight"].shape[0],
        "hidden": tensors["roi_head.bbox_head.shared_fcs.0.weight"].shape[0],
    }


def renamed(name: str, value: Tensor) -> tuple[str, Tensor]:
    """A tensor of neck, rpn_head or roi_head as ours; any other as it is."""
    for theirs, ours in _NAMES:
        if re.match(theirs, name):
            return re.sub(theirs, ours, name), _reordered(name, value)
    return name, value


def _reordered(name: str, value: Tensor) -> Tensor:
    if ".fc_cls." in name:
        return value.roll(1, dims=0)
    if ".fc_reg." in name:
        return torch.cat([value.new_zeros(4, *value.shape[1:]), value])
    return value
