"""Reads golden tensors of the published implementation and builds the network they belong to."""

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.models.mdeq import MDEQ, Network
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
            post_affine=self.config["post_gn_affine"],
        )
        network = Network(MDEQ(arch), SegmentationHead(arch.channels, self.config["num_classes"])).double()
        head = {k: v for k, v in self.parameters.items() if k.startswith("last_layer.")}
        network.head.load_state_dict(head)
        network.backbone.load_state_dict({k: v for k, v in self.parameters.items() if k not in head})
        return network.eval()


def close(actual: Tensor, golden: Tensor, tolerance: float) -> None:
    """Largest difference, relative to the largest golden entry."""
    torch.testing.assert_close(actual, golden, rtol=0, atol=tolerance * float(golden.abs().max()))
