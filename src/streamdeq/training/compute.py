"""How the numbers of a step are computed: precision, layout, start."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor

from streamdeq.latent import Latent
from streamdeq.models.mdeq import Network
from streamdeq.runtime.precision import pick_dtype, precision_of
from streamdeq.training.recipe import Recipe

LAYOUT = torch.channels_last


def settled(recipe: Recipe, device: torch.device) -> Recipe:
    """The recipe with what its precision is on this device."""
    return replace(recipe, precision=precision_of(pick_dtype(recipe.precision, device)))


def autocast(precision: str, device: torch.device) -> AbstractContextManager:
    """bf16 inside convolutions, or nothing.

    No cache of cast weights: one filled by applications without gradient would be reused by those with it, and the
    weights would get none.
    """
    dtype = pick_dtype(precision, device)
    if dtype == torch.float32:
        return nullcontext()
    return torch.autocast(device.type, dtype, cache_enabled=False)


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
