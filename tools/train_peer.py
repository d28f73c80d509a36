"""Train what a user would pick instead, torchvision's LR-ASPP on MobileNetV3, from scratch for a given wall time.

Data, order, augmentation, optimiser and precision are those of a recipe; only the network differs, and the schedule
runs over the seconds instead of the steps. The weights are the network's plain state dict, in float16:

    OMP_NUM_THREADS=1 python tools/train_peer.py --recipe camvid-s --data DIR --seconds 3400 --out peer.safetensors
"""

import argparse
import math
import time
from dataclasses import replace
from itertools import count
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn
from torchvision.models.segmentation import lraspp_mobilenet_v3_large

from streamdeq.data.base import IGNORE_INDEX
from streamdeq.data.cache import cached
from streamdeq.data.open import open_dataset
from streamdeq.files import atomic_path
from streamdeq.training.batches import ahead
from streamdeq.training.compute import LAYOUT, autocast
from streamdeq.training.optimizers import build_optimizer, set_learning_rate
from streamdeq.training.randomness import torch_seed
from streamdeq.training.recipe import Recipe
from streamdeq.training.recipes import RECIPES
from streamdeq.training.work import Work, normalised
from streamdeq.training.works.segmentation import SegmentationWork


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="camvid-s")
    parser.add_argument("--data", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    recipe = replace(RECIPES[options.recipe], seed=options.seed)
    dataset = cached(open_dataset(options.data, recipe.split), 4 << 30)
    torch.manual_seed(torch_seed(recipe.seed, "weights", 0))
    network = lraspp_mobilenet_v3_large(weights=None, weights_backbone=None, num_classes=len(dataset.classes))
    network.to(memory_format=LAYOUT)  # type: ignore[call-overload]
    steps = train(network.train(), recipe, SegmentationWork(recipe, dataset), options.seconds)
    tensors = {name: t.half() if t.is_floating_point() else t for name, t in network.state_dict().items()}
    about = {"network": "lraspp_mobilenet_v3_large", "steps": str(steps), "seconds": str(round(options.seconds))}
    with atomic_path(options.out) as part:
        save_file({name: t.contiguous() for name, t in tensors.items()}, part, metadata=about)
    print(f"{steps} steps in {options.seconds:.0f} s: {options.out}")


def train(network: nn.Module, recipe: Recipe, work: Work, seconds: float) -> int:
    """Optimiser steps until the time is over; returns their number."""
    optimizer = build_optimizer(network, recipe.optimizer)
    device = torch.device("cpu")
    began = time.monotonic()
    for step, batch in zip(count(), ahead(work.batch, range(10**9)), strict=False):
        through = (time.monotonic() - began) / seconds
        if through >= 1:
            return step
        warm = min(1.0, (step + 1) / recipe.schedule.warmup)
        set_learning_rate(optimizer, recipe.optimizer.lr * warm * (1 + math.cos(math.pi * through)) / 2)
        with autocast(recipe.precision, device):
            logits = network(normalised(batch.images).contiguous(memory_format=LAYOUT))["out"]
        loss = F.cross_entropy(logits.float(), batch.targets.long(), ignore_index=IGNORE_INDEX)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.optimizer.clip_norm or math.inf)
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step}, {time.monotonic() - began:.0f} s, loss {loss.item():.3f}", flush=True)
    raise AssertionError("unreachable: the time ends first")


if __name__ == "__main__":
    main()
