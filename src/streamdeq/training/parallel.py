"""Several processes train one network, each on its part of every batch.

Gradients are averaged by hand: when backward is over, they go through one all-reduce with the step's figures. The
cell's weights are used outside any module's forward (`bind`), for applications with and without gradient, and the
implicit gradient solves within backward; hooks on parameters, as DistributedDataParallel has them, would have to know
all that. What is lost is the overlap of sending with the end of backward, little beside tens of applications of f.

Legend: a rank is a process of a run; a part of a batch is what goes through the network at once.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn

from streamdeq.errors import StreamdeqError
from streamdeq.training.recipe import Recipe

#: How long a rank waits for another, which may be validating.
PATIENCE = timedelta(hours=2)


@dataclass(frozen=True)
class Ranks:
    """This process among those of a run; by default it is alone, and nothing is sent.

    Every method but `leads` is called by all ranks at the same place, and answers the same to all.
    """

    rank: int = 0
    count: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def leads(self) -> bool:
        """Whether this is the one that writes files and speaks."""
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Whether any rank's flag is set."""
        return flag if self.count == 1 else self._sum([float(flag)])[0] > 0

    def shares(self, weights: Sequence[float]) -> list[float]:
        """What each of this rank's parts contributes to a mean over the batch, from what it weighs: they sum to 1 over
        all parts of all ranks; equal ones where nothing weighs anything."""
        total, parts = sum(weights), len(weights) * self.count
        if self.count > 1:
            total = self._sum([total])[0]
        return [weight / total if total > 0 else 1 / parts for weight in weights]

    def gather(self, network: nn.Module, figures: Tensor) -> None:
        """Add up gradients and figures over the ranks, and average BatchNorm's statistics, all in place."""
        if self.count == 1:
            return
        statistics = [buffer for buffer in network.buffers() if buffer.is_floating_point()]
        for tensor in statistics:
            tensor.div_(self.count)
        _add_up((*_gradients(network), *statistics, figures))

    def synchronise_norms(self, network: nn.Module) -> None:
        """BatchNorm sees the batch of all ranks where it can: on GPUs. Elsewhere it sees the part of its own rank."""
        if self.count > 1 and self.device.type == "cuda":
            nn.SyncBatchNorm.convert_sync_batchnorm(network)

    def _sum(self, numbers: list[float]) -> list[float]:
        tensor = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        _all_reduce(tensor)
        return tensor.tolist()


@dataclass(frozen=True)
class Division:
    """How a recipe's batch is divided: over the ranks, and each rank's share over `accumulate` parts, one at a time.

    Parts are numbered over the whole run, rank by rank within a step, so that part i of a recipe with the part's batch
    size holds the very samples that stand at its place in the undivided batch.
    """

    ranks: Ranks = field(default_factory=Ranks)
    accumulate: int = 1

    @property
    def parts(self) -> int:
        """Per step, over all ranks."""
        return self.ranks.count * self.accumulate

    def recipe(self, whole: Recipe) -> Recipe:
        """The recipe with the batch of one part.

        Raises:
            StreamdeqError: the batch cannot be divided equally.
        """
        if whole.batch % self.parts:
            raise StreamdeqError(
                f"expected a batch that {self.ranks.count} processes × {self.accumulate} parts divide equally, "
                f"got batch={whole.batch}; set batch to a multiple of {self.parts}, or use fewer"
            )
        return replace(whole, batch=whole.batch // self.parts)

    def of_step(self, step: int) -> range:
        """This rank's parts of a step."""
        first = step * self.parts + self.ranks.rank * self.accumulate
        return range(first, first + self.accumulate)


@contextmanager
def joined(device: torch.device) -> Iterator[Ranks]:
    """This process among those that `torchrun` started, if it did; on a GPU of its own if `device` is one.

    Raises:
        StreamdeqError: a device that processes cannot share work on, or too few GPUs.
    """
    count, local = (int(os.environ.get(name, default)) for name, default in (("WORLD_SIZE", "1"), ("LOCAL_RANK", "0")))
    if count == 1:
        yield Ranks(device=device)
        return
    if device.type == "cuda":
        if local >= torch.cuda.device_count():
            have = torch.cuda.device_count()
            raise StreamdeqError(f"expected a GPU per process, got {have} here; run torchrun --nproc-per-node {have}")
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    elif device.type != "cpu":
        raise StreamdeqError(f"expected --device cpu or cuda for several processes, got {device.type}")
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield Ranks(dist.get_rank(), count, device)
    finally:
        dist.destroy_process_group()


def _gradients(network: nn.Module) -> Iterator[Tensor]:
    """Of every parameter; zeros where this rank's parts had no use for one, which another's may have had."""
    for parameter in network.parameters():
        if parameter.requires_grad:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
            yield parameter.grad


def _add_up(tensors: Iterable[Tensor]) -> None:
    """Sum each tensor over the ranks, in place, in one message."""
    tensors = list(tensors)
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    _all_reduce(flat)
    for tensor, total in zip(tensors, flat.split([t.numel() for t in tensors]), strict=True):
        tensor.copy_(total.view(tensor.shape))


def _all_reduce(tensor: Tensor) -> None:
    try:
        dist.all_reduce(tensor)
    except RuntimeError as error:
        raise StreamdeqError(
            f"process {dist.get_rank()} of the run lost another one; see what that one said, and go on with --resume"
        ) from error
