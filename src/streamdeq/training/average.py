"""Weights averaged over the steps, and BatchNorm statistics to go with them."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightAverage:
    """Exponential moving average of everything floating in a network, buffers included.

    The decay rises to its value over the first steps, min(decay, (1 + n) / (10 + n)), so that the initial weights
    are soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.tensors = {name: t.detach().clone() for name, t in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        for name, now in network.state_dict().items():
            mean = self.tensors[name]
            if mean.is_floating_point():
                mean.lerp_(now, 1 - decay)
            else:
                mean.copy_(now)

    def state_dict(self) -> dict[str, Tensor]:
        """What the average is of: the network's, by its names."""
        return self.tensors


def batchnorms(network: nn.Module) -> list[nn.BatchNorm2d | nn.SyncBatchNorm]:
    """Every BatchNorm of a network."""
    return [m for m in network.modules() if isinstance(m, nn.BatchNorm2d | nn.SyncBatchNorm)]


@torch.no_grad()
def estimate_statistics(network: nn.Module, batches: Iterable[Callable[[], Tensor]]) -> None:
    """Set every BatchNorm's running statistics to the plain mean over `batches`; a batch runs the network forward."""
    norms = batchnorms(network)
    momenta = [norm.momentum for norm in norms]
    was_training = network.training
    network.eval()  # no dropout: these are the statistics of inference
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative
        norm.train()
    try:
        for run in batches:
            run()
    finally:
        network.train(was_training)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


@contextmanager
def kept_statistics(network: nn.Module) -> Iterator[None]:
    """BatchNorm normalises as it does in training, but its running statistics learn nothing."""
    # One that is frozen learns nothing anyway, and without statistics it would take the batch's.
    # One that keeps its statistics already is somebody else's to release.
    norms = [norm for norm in batchnorms(network) if norm.training and norm.track_running_stats]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
