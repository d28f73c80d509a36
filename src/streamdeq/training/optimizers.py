"""From a recipe's optimiser and schedule to torch's."""

import torch
from torch import nn

from streamdeq.training.recipe import Optimizer, Recipe


def decayed(name: str, parameter: nn.Parameter) -> bool:
    """Whether weight decay applies: to kernels only, not to norms, biases and the scales of weight norm."""
    return parameter.ndim > 1 and not name.endswith("weight_g")


def build_optimizer(network: nn.Module, spec: Optimizer) -> torch.optim.Optimizer:
    """Two groups: what decays (kernels, or all), and everything else without."""
    named = [(p, spec.decay_all or decayed(name, p)) for name, p in network.named_parameters() if p.requires_grad]
    groups = [
        {"params": [p for p, decays in named if decays], "weight_decay": spec.weight_decay},
        {"params": [p for p, decays in named if not decays], "weight_decay": 0.0},
    ]
    if spec.name == "sgd":
        return torch.optim.SGD(groups, lr=spec.lr, momentum=spec.momentum, nesterov=spec.nesterov)
    return torch.optim.AdamW(groups, lr=spec.lr, betas=(spec.momentum, 0.999))


def learning_rate(recipe: Recipe, step: int) -> float:
    """The rate of optimiser step `step` (the first is 0)."""
    return recipe.schedule.rate(recipe.optimizer.lr, step, recipe.steps)


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
