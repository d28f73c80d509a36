"""Poses: the Simple Baseline (Xiao et al. 2018) on torchvision's small MobileNetV3.

Three deconvolutions of 256 channels on its coarsest features, a 32nd of the canvas, give maps of a quarter of it, the
size that this package's heads have. Targets, loss and decoding are those of this package's heads.
"""

from torch import Tensor, nn
from torchvision.models import mobilenet_v3_small

from streamdeq.evaluation.peers.base import PEERS, Peer
from streamdeq.latent import Latent
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import Result
from streamdeq.tasks.pose import PoseSettings
from streamdeq.tasks.pose.head import Joints, SimpleHead
from streamdeq.values.geometry import Geometry
from streamdeq.values.status import Status

#: Of the deconvolutions, as published.
WIDTH = 256


class SimpleBaseline(nn.Module):
    """Canvas (B, 3, H, W) → heat maps (B, K, H/4, W/4)."""

    def __init__(self, points: int, sigma: float) -> None:
        super().__init__()
        self.features = mobilenet_v3_small(weights=None).features
        channels = self.features[-1].out_channels  # type: ignore[union-attr]
        # Of four scales it reads the coarsest alone, and has a deconvolution for each that is finer.
        self.head = SimpleHead((channels,) * 4, points, WIDTH, sigma)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return self.head(Latent((self.features(x),)))


@PEERS.register("simple_baseline_mobilenet_v3_small")
class PosePeer(Peer):
    """Heat maps of the window that it is given."""

    TASK = "pose"

    @staticmethod
    def build(spec: ModelSpec) -> SimpleBaseline:
        return SimpleBaseline(len(spec.classes), PoseSettings.read(spec.head).sigma)

    @staticmethod
    def loss(network: SimpleBaseline, x: Tensor, targets: Joints) -> Tensor:
        return network.head.losses(Latent((network.features(x),)), targets)["heatmaps"]

    def result(self, x: Tensor, geometry: Geometry, status: Status) -> Result:
        return self.task.decode(self.network(x), geometry, status, self.network)
