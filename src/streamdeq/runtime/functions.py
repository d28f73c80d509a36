"""The three functions a model is at run time: inject, step, predict, computed by torch as they stand: the oracle.

They are made from a trained network by folding (weight norm and BatchNorm into plain convolutions), casting and
laying out in channels-last; the network given is left as it is. Legend: B rows, (h, w) content, (H, W) canvas.
"""

import copy
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from streamdeq.latent import Latent
from streamdeq.models.cells import Injection
from streamdeq.models.checkpoint import digest
from streamdeq.models.mdeq import Network
from streamdeq.models.spec import ModelSpec
from streamdeq.runtime.executor import Executor
from streamdeq.runtime.upload import Upload


class Functions(Executor):
    """`inject` once per frame, `step` as often as the budget says, `predict` once per answer."""

    def __init__(self, network: Network, spec: ModelSpec, device: torch.device, dtype: torch.dtype) -> None:
        folded = copy.deepcopy(network).eval().requires_grad_(False)
        folded.backbone.fold()
        folded.head.fold()  # type: ignore[operator]
        folded.to(device=device, dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network = folded
        self.device = device
        self.dtype = dtype
        #: That compute, whoever does; torch may have fewer later.
        self.threads = torch.get_num_threads()
        self.upload = Upload(device)
        mean, std = torch.tensor(spec.mean), torch.tensor(spec.std)
        self._scale = (1 / (255 * std)).view(3, 1, 1).to(device)
        self._shift = (-mean / std).view(3, 1, 1).to(device)

    @property
    def latent_dtype(self) -> torch.dtype:
        """float32 under bfloat16 (in which a solve would stop converging near 2⁻⁸), float64 for tests."""
        return torch.promote_types(self.dtype, torch.float32)

    @property
    def head(self) -> nn.Module:
        """Folded and cast: what a task's `decode` may ask for."""
        return self.network.head

    @cached_property
    def digest(self) -> str:
        """Of the folded weights: what tells a model from another."""
        return digest(self.network.state_dict())

    def converted(self, dtype: torch.dtype) -> "Functions":
        """The same functions with the same weights in another number format."""
        made = copy.copy(self)
        made.network = copy.deepcopy(self.network).to(dtype)
        made.dtype = dtype
        vars(made).pop("digest", None)
        return made

    def normalised(self, pictures: Tensor) -> Tensor:
        """(B, 3, h, w) uint8 RGB → what the network was trained on."""
        return self.upload(pictures) * self._scale + self._shift

    @torch.no_grad()
    def inject(self, pictures: Tensor, canvas_hw: tuple[int, int]) -> Injection:
        x = self.normalised(pictures)
        x = F.pad(x, (0, canvas_hw[1] - x.shape[3], 0, canvas_hw[0] - x.shape[2]))
        return self.network.backbone.inject(x.to(self.dtype, memory_format=torch.channels_last))

    def zeros(self, injection: Injection) -> Latent:
        """The start from nothing for these rows."""
        return self.network.backbone.zeros(injection).to(self.latent_dtype, memory_format=torch.channels_last)

    @torch.no_grad()
    def step(self, z: Latent, injection: Injection) -> Latent:
        inside = z.to(self.dtype, memory_format=torch.channels_last)
        return self.network.backbone.bind(self._cast(injection))(inside).to(self.latent_dtype)

    @torch.no_grad()
    def predict(self, z: Latent) -> Any:
        return self.network.head(z.to(self.dtype, memory_format=torch.channels_last))

    def wait(self) -> None:
        """Until the device has done what it was given, so that a clock tells the truth."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def _cast(self, injection: Injection) -> Injection:
        """Another executor may have made it in another format."""
        return tuple(None if x is None else x.to(self.dtype) for x in injection)
