"""Segmentation: torchvision's LR-ASPP on MobileNetV3."""

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from streamdeq.data.base import IGNORE_INDEX
from streamdeq.evaluation.peers.base import PEERS, Peer
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import Result
from streamdeq.values.geometry import Geometry
from streamdeq.values.status import Status


@PEERS.register("lraspp_mobilenet_v3_large")
class SegmentationPeer(Peer):
    """Logits at the canvas's size under `out`."""

    TASK = "segmentation"

    @staticmethod
    def build(spec: ModelSpec) -> nn.Module:
        return lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=len(spec.classes))

    @staticmethod
    def loss(network: nn.Module, x: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(network(x)["out"].float(), targets.long(), ignore_index=IGNORE_INDEX)

    def result(self, x: Tensor, geometry: Geometry, status: Status) -> Result:
        return self.task.decode(self.network(x)["out"], geometry, status, self.network)
