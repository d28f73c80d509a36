"""What a user would pick instead: torchvision's networks, judged frame by frame as ours are. Knows no stream.

A peer's file is the plain state dict that `tools/train_peer.py` writes; classes, colours, working size and
normalisation are those of the model it is compared with, which was trained on the same data.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from torch import nn
from torchvision.transforms.v2 import functional as tv

from streamdeq.errors import StreamdeqError
from streamdeq.models.layers import fold_batchnorm
from streamdeq.models.spec import ModelSpec
from streamdeq.registry import Registry
from streamdeq.runtime.precision import pick_dtype
from streamdeq.streaming.geometry import Geometry
from streamdeq.streaming.status import Start, Status
from streamdeq.tasks import Result, Task, build_task


@dataclass(frozen=True)
class Training:
    """How a peer was trained: optimiser steps, and wall time in seconds."""

    steps: int
    seconds: float


class Peer(ABC):
    """A network that answers every frame alone. Canvas sides are multiples of `STRIDE`."""

    STRIDE = 32

    def __init__(self, network: nn.Module, spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> None:
        self.spec = spec
        self.task: Task = build_task(spec)
        self.device, self.dtype = device, dtype
        self.parameters = sum(p.numel() for p in network.parameters())  # as trained
        _fold(network.eval().requires_grad_(False))  # as ours are: or its milliseconds would be too many
        self.network = network.to(device=device, dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._mean = torch.tensor(spec.mean).view(3, 1, 1).to(device)
        self._std = torch.tensor(spec.std).view(3, 1, 1).to(device)

    @torch.no_grad()
    def answer(self, image: np.ndarray) -> Result:
        """The answer for a picture, (H, W, 3) uint8 RGB, in its own pixels."""
        geometry = Geometry.fit((image.shape[0], image.shape[1]), self.spec.size, self.STRIDE)
        picture = torch.from_numpy(np.ascontiguousarray(image)).to(self.device).permute(2, 0, 1)[None]
        x = tv.resize(picture, list(geometry.content_hw), antialias=True).float() / 255
        x = (x - self._mean) / self._std
        (h, w), (canvas_h, canvas_w) = geometry.content_hw, geometry.canvas_hw
        x = F.pad(x, (0, canvas_w - w, 0, canvas_h - h)).to(self.dtype, memory_format=torch.channels_last)
        return self.result(x, geometry, Status(0, 0.0, 1, 1, float("nan"), Start.COLD))

    @abstractmethod
    def result(self, x: torch.Tensor, geometry: Geometry, status: Status) -> Result:
        """Normalised canvas (1, 3, H, W), the picture at its top left → the answer in the picture's pixels."""


#: From the number of classes to a network without weights.
Build = Callable[[int], nn.Module]


@dataclass(frozen=True)
class Kind:
    """How a peer is built and read."""

    build: Build
    read: type[Peer]


PEERS: Registry[Kind] = Registry("peer")


class SegmentationPeer(Peer):
    """torchvision's segmentation networks: logits at the canvas's size under `out`."""

    def result(self, x: torch.Tensor, geometry: Geometry, status: Status) -> Result:
        return self.task.decode(self.network(x)["out"], geometry, status, self.network)


def _lraspp(classes: int) -> nn.Module:
    from torchvision.models.segmentation import lraspp_mobilenet_v3_large

    return lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=classes)


PEERS.register("lraspp_mobilenet_v3_large")(Kind(_lraspp, SegmentationPeer))


def load_peer(
    name: str, path: Path, spec: ModelSpec, device: torch.device, precision: str = "auto"
) -> tuple[Peer, Training]:
    """The peer of that name with the weights in `path`, for the data that `spec` was trained on.

    Raises:
        StreamdeqError: no such peer or file, or weights of another network or number of classes.
    """
    kind = PEERS[name]
    network = kind.build(len(spec.classes))
    try:
        with safe_open(path, "pt") as file:
            about = file.metadata() or {}
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a mapping)
        network.load_state_dict(tensors)
    except FileNotFoundError:
        raise StreamdeqError(f"no weights at {path}; tools/train_peer.py makes them") from None
    except (OSError, SafetensorError) as error:
        raise StreamdeqError(f"{path} cannot be read as safetensors: {error}") from error
    except RuntimeError as error:
        raise StreamdeqError(f"{path} does not fit {name} with {len(spec.classes)} classes: {_first(error)}") from error
    training = Training(int(about.get("steps", 0)), float(about.get("seconds", 0)))
    return kind.read(network, spec, device, pick_dtype(precision, device)), training


def _fold(network: nn.Module) -> None:
    """Bake BatchNorm into the convolution it follows, wherever the two are neighbours in a sequence."""
    for module in network.modules():
        if isinstance(module, nn.Sequential):
            for n, (conv, norm) in enumerate(pairwise(module)):
                if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                    module[n], module[n + 1] = fold_batchnorm(conv, norm), nn.Identity()


def _first(error: RuntimeError) -> str:
    return " ".join(str(error).split())[:160]
