"""Reads golden tensors of the published implementation and builds the network they belong to."""

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn

from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.models.mdeq import MDEQ, Network
from streamdeq.tasks.classification.head import ClassificationHead, Widths
from streamdeq.tasks.segmentation.head import SegmentationHead


class GoldenFile:
    """The tensors by key, in float64, and what they were computed with."""

    def __init__(self, path: Path) -> None:
        with safe_open(path, "pt") as file:
            self._tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (not a dict)
            self.config = json.loads((file.metadata() or {})["config"])
        self.scales = len(self.config["channels"])

    def __getitem__(self, key: str) -> Tensor:
        return self._tensors[key].double()

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def latent(self, prefix: str) -> Latent:
        return Latent(tuple(self[f"{prefix}{i}"] for i in range(self.scales)))

    @property
    def parameters(self) -> dict[str, Tensor]:
        return {k.removeprefix("model."): v for k, v in self._tensors.items() if k.startswith("model.")}

    def network(self) -> Network:
        """The network in float64 and eval mode, loaded by the published names."""
        arch = Architecture(
            tuple(self.config["channels"]),
            self.config["groups"],
            self.config["expansion"],
            post_affine=self.config.get("post_gn_affine", True),
        )
        network = Network(MDEQ(arch), self._head(arch.channels)).double()
        backbone = network.backbone.state_dict().keys()
        network.backbone.load_state_dict({k: v for k, v in self.parameters.items() if k in backbone})
        network.head.load_state_dict({k: v for k, v in self.parameters.items() if k not in backbone})
        return network.eval()

    def _head(self, channels: tuple[int, ...]) -> nn.Module:
        classes = self.config["num_classes"]
        if "head_channels" not in self.config:
            return SegmentationHead(channels, classes)
        widths = Widths(tuple(self.config["head_channels"]), self.config["final_channels"])
        return ClassificationHead(channels, classes, widths)


def close(actual: Tensor, golden: Tensor, tolerance: float) -> None:
    """Largest difference, relative to the largest golden entry."""
    torch.testing.assert_close(actual, golden, rtol=0, atol=tolerance * float(golden.abs().max()))
