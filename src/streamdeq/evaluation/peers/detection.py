"""Detection: torchvision's Faster R-CNN on MobileNetV3 for small pictures, its low-resolution one.

Its network and losses are torchvision's. What a user adapts is: anchors have the sides and ratios of our head's, all of
them on each of its three levels (32, 32 and 64 pixels apart), as it has its own; samples, proposals and thresholds are
those of our head. Pictures are neither scaled nor normalised in it, but come as ours do, at the working size. Boxes and
scores stay float32 where the network computes in bfloat16.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection import FasterRCNN, fasterrcnn_mobilenet_v3_large_320_fpn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import MultiScaleRoIAlign

from streamdeq.evaluation.peers.base import PEERS, Peer
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import Result
from streamdeq.tasks.detection import DetectorSettings
from streamdeq.tasks.detection.head import Found, Target, as_torchvision
from streamdeq.tasks.detection.regions import POOLED, Predictor, Proposer, level_strides, precise
from streamdeq.values.geometry import HW, Geometry
from streamdeq.values.status import Status

#: Levels of its pyramid: the last two of the backbone, and one of every other cell of the coarser.
LEVELS = 3
#: Channels of its pyramid, and of the layers behind each region.
CHANNELS, HIDDEN = 256, 1024


class AsGiven(nn.Module):
    """In the place of torchvision's `transform`: pictures (3, h, w) become a batch, with zeros right and below."""

    def forward(
        self, images: Sequence[Tensor], targets: list[dict[str, Tensor]] | None = None
    ) -> tuple[ImageList, list[dict[str, Tensor]] | None]:
        sizes = [(image.shape[1], image.shape[2]) for image in images]
        h, w = (-(-max(lengths) // Peer.STRIDE) * Peer.STRIDE for lengths in zip(*sizes, strict=True))
        batch = torch.stack([F.pad(image, (0, w - image.shape[2], 0, h - image.shape[1])) for image in images])
        return ImageList(batch.contiguous(memory_format=torch.channels_last), sizes), targets

    def postprocess(self, found: list[dict[str, Tensor]], sizes: list[HW], before: list[HW]) -> list[dict[str, Tensor]]:
        return found


class PreciseAnchors(AnchorGenerator):
    """Positions in float32 on feature maps of any precision."""

    def forward(self, image_list: ImageList, feature_maps: list[Tensor]) -> list[Tensor]:
        return super().forward(image_list, [precise(level) for level in feature_maps])


class PrecisePooling(MultiScaleRoIAlign):
    """Reads in float32 from feature maps of any precision."""

    def forward(self, x: dict[str, Tensor], boxes: list[Tensor], image_shapes: list[HW]) -> Tensor:
        given = next(iter(x.values())).dtype
        return super().forward({name: precise(level) for name, level in x.items()}, boxes, image_shapes).to(given)


class _Detector(nn.Module):
    """The network as our task asks a head."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def detect(self, x: Tensor, content_hw: HW) -> Found:
        [found] = self.network([x[0, :, : content_hw[0], : content_hw[1]]])
        return Found(found["boxes"], found["scores"], found["labels"] - 1)  # the background is its class 0


def _build(spec: ModelSpec) -> FasterRCNN:
    s, classes = DetectorSettings.read(spec.head), len(spec.classes) + 1
    sides = tuple(
        scale * stride for stride in level_strides(len(spec.architecture.channels)) for scale in s.anchor_scales
    )
    # Without weights its BatchNorm is one that learns, and nothing of the backbone is frozen.
    network = fasterrcnn_mobilenet_v3_large_320_fpn(
        weights=None,
        weights_backbone=None,
        num_classes=classes,
        rpn_pre_nms_top_n_train=s.train_candidates,
        rpn_pre_nms_top_n_test=s.candidates,
        rpn_post_nms_top_n_train=s.train_proposals,
        rpn_post_nms_top_n_test=s.proposals,
        rpn_score_thresh=0.0,
        rpn_batch_size_per_image=s.anchor_samples,
        box_batch_size_per_image=s.region_samples,
        box_score_thresh=s.least_score,
        box_nms_thresh=s.overlap,
        box_detections_per_img=s.detections,
        box_roi_pool=PrecisePooling(["0", "1"], POOLED, sampling_ratio=2),
    )
    anchors = PreciseAnchors((sides,) * LEVELS, (s.anchor_ratios,) * LEVELS)
    network.transform = AsGiven()  # type: ignore[assignment]
    network.rpn.anchor_generator = anchors
    network.rpn.head = Proposer(CHANNELS, anchors.num_anchors_per_location()[0])
    network.roi_heads.box_predictor = Predictor(HIDDEN, classes)
    return network


@PEERS.register("fasterrcnn_mobilenet_v3_large_320_fpn")
class DetectionPeer(Peer):
    """Boxes; the least score, the overlap and how many are those of the model it is compared with."""

    TASK = "detection"

    build = staticmethod(_build)

    @staticmethod
    def loss(network: FasterRCNN, x: Tensor, targets: Sequence[Target]) -> Tensor:
        views = [image[:, : t.content_hw[0], : t.content_hw[1]] for image, t in zip(x, targets, strict=True)]
        return torch.stack(list(network(views, as_torchvision(targets)).values())).sum()

    def result(self, x: Tensor, geometry: Geometry, status: Status) -> Result:
        return self.task.decode(x, geometry, status, _Detector(self.network))
