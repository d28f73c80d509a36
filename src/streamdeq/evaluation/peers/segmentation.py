"""Segmentation: torchvision's LR-ASPP on MobileNetV3. Knows no data."""

import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from streamdeq.data.base import IGNORE_INDEX
from streamdeq.evaluation.peers.base import PEERS, Kind, Peer
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import Result
from streamdeq.values.geometry import Geometry
from streamdeq.values.status import Status


class SegmentationPeer(Peer):
    """torchvision's segmentation networks: logits at the canvas's size under `out`."""

    def result(self, x: Tensor, geometry: Geometry, status: Status) -> Result:
        return self.task.decode(self.network(x)["out"], geometry, status, self.network)


def _build(spec: ModelSpec) -> nn.Module:
    return lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=len(spec.classes))


def _loss(network: nn.Module, x: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(network(x)["out"].float(), targets.long(), ignore_index=IGNORE_INDEX)


PEERS.register("lraspp_mobilenet_v3_large")(Kind("segmentation", _build, _loss, SegmentationPeer))
