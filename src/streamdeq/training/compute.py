"""How the numbers of a step are computed: precision, layout, start."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from streamdeq.latent import Latent
from streamdeq.models.mdeq import Network

LAYOUT = torch.channels_last


def autocast(precision: str, device: torch.device) -> AbstractContextManager:
    """bf16 inside convolutions, or nothing.

    No cache of cast weights: one filled by applications without gradient would be reused by those with it, and the
    weights would get none.
    """
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)


def problem(network: Network, images: Tensor) -> tuple[Callable[[Latent], Latent], Latent]:
    """f and the zeros to start from, for normalised pictures (B, 3, h, w).

    Latents are float32 between applications; inside f they have the injection's precision, as at inference.
    """
    backbone = network.backbone
    injection = backbone.inject(images.contiguous(memory_format=LAYOUT))
    inside = next(x.dtype for x in injection if x is not None)
    cell = backbone.bind(injection)
    start = backbone.zeros(injection).map(lambda m: m.float().contiguous(memory_format=LAYOUT))
    return (lambda z: cell(z.to(inside)).map(Tensor.float)), start
