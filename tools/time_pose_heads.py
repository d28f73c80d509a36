"""Milliseconds of the two pose heads, `simple` and `fused`, at a recipe's sizes: an answer, and a batch of training.

One thread; an answer is of one row in bfloat16 where the processor computes in it, a batch is the recipe's in float32,
its loss and gradients. The heads take turns, so that whatever else the machine does falls on both alike. Processor
time, not wall time. One application of f stands beside them.

    OMP_NUM_THREADS=1 python tools/time_pose_heads.py [RECIPE] [POINTS]
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from time import process_time

import numpy as np
import torch

from streamdeq.latent import Latent
from streamdeq.models.mdeq import MDEQ
from streamdeq.runtime.precision import pick_dtype
from streamdeq.tasks.pose import PoseSettings
from streamdeq.tasks.pose.head import DESIGNS, Joints, PoseHead
from streamdeq.tasks.pose.settings import HEADS
from streamdeq.training.recipe import Recipe
from streamdeq.training.recipes import RECIPES

TURNS = 40


def main(name: str, points: int) -> None:
    torch.set_num_threads(1)
    recipe = RECIPES[name]
    dtype = pick_dtype("auto", torch.device("cpu"))
    work: dict[str, Callable[[], None]] = {"f, one application": _application(recipe, dtype)}
    for design in HEADS:
        head = _head(recipe, design, points)
        millions = sum(p.numel() for p in head.parameters()) / 1e6
        work[f"{design}, {millions:.3f} M parameters, training, batch {recipe.batch}"] = _training(recipe, head, points)
        work[f"{design}, an answer"] = _answer(recipe, _head(recipe, design, points), dtype)
    times: dict[str, list[float]] = {what: [] for what in work}
    for _ in range(TURNS):
        for what, do in work.items():
            began = process_time()
            do()
            times[what].append(process_time() - began)
    print(f"{name}, {recipe.size}x{recipe.size} pixels, {points} points, {dtype}")
    for what, seconds in sorted(times.items()):
        print(f"{what}: {1e3 * np.median(seconds):.2f} ms")


def _head(recipe: Recipe, design: str, points: int) -> PoseHead:
    assert isinstance(recipe.head, PoseSettings)
    settings = replace(recipe.head, design=design)
    return DESIGNS[design](recipe.architecture.channels, points, settings.width, settings.sigma)


def _latent(recipe: Recipe, rows: int, dtype: torch.dtype) -> Latent:
    side = recipe.size // 4
    return Latent(
        tuple(
            torch.randn(rows, c, side >> k, side >> k).to(dtype, memory_format=torch.channels_last)
            for k, c in enumerate(recipe.architecture.channels)
        )
    )


def _answer(recipe: Recipe, head: PoseHead, dtype: torch.dtype) -> Callable[[], None]:
    head.eval()
    head.fold()
    head.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    z = _latent(recipe, 1, dtype)

    @torch.no_grad()
    def answer() -> None:
        head(z)

    return answer


def _training(recipe: Recipe, head: PoseHead, points: int) -> Callable[[], None]:
    head.train()
    z = _latent(recipe, recipe.batch, torch.float32).map(lambda m: m.requires_grad_())
    joints = Joints(torch.rand(recipe.batch, points, 2) * recipe.size, torch.ones(recipe.batch, points))

    def train() -> None:
        head.losses(z, joints)["heatmaps"].backward()

    return train


def _application(recipe: Recipe, dtype: torch.dtype) -> Callable[[], None]:
    backbone = MDEQ(recipe.architecture).eval()
    backbone.fold()
    backbone.to(dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    picture = torch.randn(1, 3, recipe.size, recipe.size).to(dtype, memory_format=torch.channels_last)
    with torch.no_grad():
        injection = backbone.inject(picture)
        f, z = backbone.bind(injection), backbone.zeros(injection).to(memory_format=torch.channels_last)

    @torch.no_grad()
    def apply() -> None:
        f(z)

    return apply


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else "bee-s", int(sys.argv[2]) if sys.argv[2:] else 32)
