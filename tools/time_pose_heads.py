"""Milliseconds of an answer of the two pose heads, `simple` and `fused`, at a recipe's sizes, and of f beside them.

One thread, one row, bfloat16 where the processor computes in it. The heads take turns, so that whatever else the
machine does falls on both alike. Processor time, not wall time.

    OMP_NUM_THREADS=1 python tools/time_pose_heads.py [RECIPE] [POINTS]
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from time import process_time
from typing import Any

import numpy as np
import torch
from torch import Tensor

from streamdeq.latent import Latent
from streamdeq.models.mdeq import MDEQ
from streamdeq.runtime.precision import pick_dtype
from streamdeq.tasks.pose import PoseSettings
from streamdeq.tasks.pose.head import DESIGNS
from streamdeq.tasks.pose.settings import HEADS
from streamdeq.training.recipes import RECIPES

TURNS = 40


@torch.no_grad()
def main(name: str, points: int) -> None:
    torch.set_num_threads(1)
    recipe, dtype = RECIPES[name], pick_dtype("auto", torch.device("cpu"))
    assert isinstance(recipe.head, PoseSettings)
    side, channels = recipe.size // 4, recipe.architecture.channels

    def inputs(*shape: int) -> Tensor:
        return torch.randn(1, *shape).to(dtype, memory_format=torch.channels_last)

    z = Latent(tuple(inputs(c, side >> k, side >> k) for k, c in enumerate(channels)))
    backbone = _ready(MDEQ(recipe.architecture), dtype)
    f = backbone.bind(backbone.inject(inputs(3, recipe.size, recipe.size)))
    work: dict[str, Callable[[], Any]] = {"f, one application": lambda: f(z)}
    for design in HEADS:
        settings = replace(recipe.head, design=design)
        head = DESIGNS[design](channels, points, settings.width, settings.sigma)
        millions = sum(p.numel() for p in head.parameters()) / 1e6
        work[f"{design}, {millions:.3f} M parameters"] = partial(_ready(head, dtype), z)
    times: dict[str, list[float]] = {what: [] for what in work}
    for _ in range(TURNS):
        for what, do in work.items():
            began = process_time()
            do()
            times[what].append(process_time() - began)
    print(f"{name}, {recipe.size}x{recipe.size} pixels, {points} points, {dtype}")
    for what, seconds in sorted(times.items()):
        print(f"{what}: {1e3 * np.median(seconds):.2f} ms")


def _ready(module: Any, dtype: torch.dtype) -> Any:
    """Folded and cast, as it runs."""
    module.eval()
    module.fold()
    return module.to(dtype=dtype, memory_format=torch.channels_last)


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else "bee-s", int(sys.argv[2]) if sys.argv[2:] else 32)
