"""Segmentation: torchvision's LR-ASPP and DeepLabV3, both on MobileNetV3."""

from typing import ClassVar, Protocol

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.segmentation import deeplabv3_mobilenet_v3_large, lraspp_mobilenet_v3_large

from streamdeq.data.base import IGNORE_INDEX
from streamdeq.evaluation.peers.base import PEERS, Peer
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import Result
from streamdeq.values.geometry import Geometry
from streamdeq.values.status import Status


class _Builder(Protocol):
    """As torchvision's are called."""

    def __call__(self, *, weights: None, weights_backbone: None, num_classes: int) -> nn.Module: ...


class SegmentationPeer(Peer):
    """Logits at the canvas's size under `out`."""

    TASK = "segmentation"
    BUILDER: ClassVar[_Builder]

    @classmethod
    def build(cls, spec: ModelSpec) -> nn.Module:
        return cls.BUILDER(weights=None, weights_backbone=None, num_classes=len(spec.classes))

    @staticmethod
    def loss(network: nn.Module, x: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(network(x)["out"].float(), targets.long(), ignore_index=IGNORE_INDEX)

    def result(self, x: Tensor, geometry: Geometry, status: Status) -> Result:
        return self.task.decode(self.network(x)["out"], geometry, status, self.network)


@PEERS.register("lraspp_mobilenet_v3_large")
class LRASPP(SegmentationPeer):
    """3.2 million parameters."""

    BUILDER = staticmethod(lraspp_mobilenet_v3_large)


@PEERS.register("deeplabv3_mobilenet_v3_large")
class DeepLabV3(SegmentationPeer):
    """11 million parameters: the heavier one, with the wider context."""

    USUAL = False
    BUILDER = staticmethod(deeplabv3_mobilenet_v3_large)
