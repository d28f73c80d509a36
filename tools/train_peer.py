"""Train what a user would pick instead, a network of torchvision's, from scratch for a given wall time.

Data, order, augmentation, optimiser, schedule and precision are those of a recipe; only the network differs, and the
schedule goes through its steps with the seconds. The weights are the network's plain state dict, in float16:

    OMP_NUM_THREADS=1 python tools/train_peer.py --recipe camvid-s --data DIR --seconds 3400 --out peer.safetensors

--peer names the network (streamdeq.evaluation.peers); left out, it is the one for the recipe's task.
"""

import argparse
import math
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from streamdeq.data.cache import cached
from streamdeq.data.open import open_dataset
from streamdeq.data.randomness import torch_seed
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.peers import peer_class, usual
from streamdeq.files import atomic_path, ensure_folder
from streamdeq.tasks import build_task
from streamdeq.tasks.objective import Objective
from streamdeq.training.batches import ahead
from streamdeq.training.compute import LAYOUT, autocast
from streamdeq.training.optimizers import build_optimizer, set_learning_rate
from streamdeq.training.recipe import Recipe
from streamdeq.training.recipes import RECIPES
from streamdeq.training.setup import normalised, spec_of


def main() -> None:
    options = _options()
    recipe = replace(RECIPES[options.recipe], seed=options.seed)
    name = options.peer or usual(recipe.task)
    kind = peer_class(name, recipe.task)
    ensure_folder(options.out.parent)
    dataset = cached(open_dataset(options.data, recipe.split), 4 << 30)
    spec = spec_of(recipe, dataset)
    objective = build_task(spec).objective(recipe, dataset)
    torch.manual_seed(torch_seed(recipe.seed, "weights", 0))
    network = kind.build(spec).to(memory_format=LAYOUT)  # type: ignore[call-overload]
    steps = train(network.train(), kind.loss, recipe, objective, options.seconds)
    tensors = {key: t.half() if t.is_floating_point() else t for key, t in network.state_dict().items()}
    about = {"network": name, "steps": str(steps), "seconds": str(round(options.seconds))}
    with atomic_path(options.out) as part:
        save_file({key: t.contiguous() for key, t in tensors.items()}, part, metadata=about)
    print(f"{steps} steps in {options.seconds:.0f} s: {options.out}")


def train(
    network: nn.Module,
    loss_of: Callable[[Any, Tensor, Any], Tensor],
    recipe: Recipe,
    objective: Objective,
    seconds: float,
) -> int:
    """Optimiser steps, one at least, until the time is over; returns their number."""
    optimizer = build_optimizer(network, recipe.optimizer)
    device = torch.device("cpu")
    began = time.monotonic()
    for step, batch in zip(count(), ahead(objective.batch, range(10**9)), strict=False):
        through = (time.monotonic() - began) / seconds
        if through >= 1 and step > 0:
            return step
        rate = recipe.schedule.rate(recipe.optimizer.lr, int(min(through, 1) * recipe.steps), recipe.steps)
        set_learning_rate(optimizer, rate)
        with autocast(recipe.precision, device):
            loss = loss_of(network, normalised(batch.images).contiguous(memory_format=LAYOUT), batch.targets)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), recipe.optimizer.clip_norm or math.inf)
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step}, {time.monotonic() - began:.0f} s, loss {loss.item():.3f}", flush=True)
    raise AssertionError("unreachable: the time ends first")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recipe", default="camvid-s")
    parser.add_argument("--peer", metavar="NAME")
    parser.add_argument("--data", required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    try:
        main()
    except StreamdeqError as error:
        raise SystemExit(f"train_peer: {error}") from None
