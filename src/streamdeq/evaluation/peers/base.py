"""A peer is what a user would pick instead: a network of torchvision's, which answers frame by frame.

Classes, colours, working size, normalisation and thresholds are those of the model it is compared with, which was
trained on the same data.
"""

from abc import ABC, abstractmethod
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision.transforms.v2 import functional as tv

from streamdeq.errors import StreamdeqError
from streamdeq.models.spec import ModelSpec, Provenance
from streamdeq.registry import Registry
from streamdeq.tasks import Result, Task, build_task
from streamdeq.values.geometry import Geometry
from streamdeq.values.status import Start, Status


class Peer(ABC):
    """A network that answers every frame alone. Canvas sides are multiples of `STRIDE`.

    Args:
        network: as trained; it is folded in place.
        spec: of the model it is compared with.
        trained: steps and seconds of its training.
    """

    #: Of the task it is for.
    TASK: ClassVar[str]
    STRIDE: ClassVar[int] = 32
    #: Whether it is the one that is taken where none is named.
    USUAL: ClassVar[bool] = True

    def __init__(
        self,
        name: str,
        network: nn.Module,
        spec: ModelSpec,
        device: torch.device,
        dtype: torch.dtype,
        trained: Provenance,
    ) -> None:
        self.name, self.spec, self.trained = name, spec, trained
        self.task: Task = build_task(spec)
        self.device, self.dtype = device, dtype
        self.parameters = sum(p.numel() for p in network.parameters())  # as trained
        _fold(network.eval().requires_grad_(False))  # as the models are: or its milliseconds would be too many
        self.network = network.to(device=device, dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._mean = torch.tensor(spec.mean).view(3, 1, 1).to(device)
        self._std = torch.tensor(spec.std).view(3, 1, 1).to(device)

    @staticmethod
    @abstractmethod
    def build(spec: ModelSpec) -> nn.Module:
        """From the description of a model for the same data to the network without weights."""

    @staticmethod
    @abstractmethod
    def loss(network: Any, x: Tensor, targets: Any) -> Tensor:
        """Of the network for normalised pictures (B, 3, h, w) and the task's targets, float32."""

    @torch.no_grad()
    def answer(self, image: np.ndarray) -> Result:
        """The answer for a picture, (H, W, 3) uint8 RGB, in its own pixels."""
        geometry = Geometry.fit(
            (image.shape[0], image.shape[1]), self.spec.size, self.STRIDE, longest=self.spec.longest
        )
        picture = torch.from_numpy(np.ascontiguousarray(image)).to(self.device).permute(2, 0, 1)[None]
        x = tv.resize(picture, list(geometry.content_hw), antialias=True).float() / 255
        x = (x - self._mean) / self._std
        (h, w), (canvas_h, canvas_w) = geometry.content_hw, geometry.canvas_hw
        x = F.pad(x, (0, canvas_w - w, 0, canvas_h - h)).to(self.dtype, memory_format=torch.channels_last)
        return self.result(x, geometry, Status(0, 0.0, 1, 1, float("nan"), Start.COLD))

    @abstractmethod
    def result(self, x: Tensor, geometry: Geometry, status: Status) -> Result:
        """Normalised canvas (1, 3, H, W), the picture at its top left → the answer in the picture's pixels."""


PEERS: Registry[type[Peer]] = Registry("peer")


def peer_class(name: str, task: str) -> type[Peer]:
    """Raises StreamdeqError if there is no such peer, or for another task."""
    kind = PEERS[name]
    if task != kind.TASK:
        raise StreamdeqError(f"peer '{name}' is for {kind.TASK}, not for {task}; take {usual(task)}")
    return kind


def usual(task: str) -> str:
    """The name of the peer for a task where none is named.

    Raises:
        StreamdeqError: there is none.
    """
    names = [name for name in PEERS if task == PEERS[name].TASK and PEERS[name].USUAL]
    if not names:
        raise StreamdeqError(f"there is no peer for {task} (for {', '.join(sorted({PEERS[n].TASK for n in PEERS}))})")
    return names[0]


def _fold(network: nn.Module) -> None:
    """Bake BatchNorm into the convolution it follows, wherever the two are neighbours in a sequence."""
    for module in network.modules():
        if isinstance(module, nn.Sequential):
            for n, (conv, norm) in enumerate(pairwise(module)):
                if isinstance(conv, nn.Conv2d | nn.ConvTranspose2d) and isinstance(norm, nn.BatchNorm2d):
                    turned = isinstance(conv, nn.ConvTranspose2d)
                    module[n] = fuse_conv_bn_eval(conv, norm, transpose=turned)  # type: ignore[type-var]
                    module[n + 1] = nn.Identity()
