"""What the machine itself can do, and how much there is to do: the yardsticks of a benchmark."""

import sys
from collections.abc import Callable
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from streamdeq.evaluation.bench.turns import Probe

#: Side of the matrices whose product is the machine's peak.
SIDE = 2048


def matmul_probe(device: torch.device, dtype: torch.dtype) -> Probe:
    """A product of square matrices in the precision that the networks compute in."""
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(SIDE, SIDE, generator=generator).to(device, dtype) for _ in range(2))

    def call() -> None:
        torch.mm(a, b)
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    return Probe("machine", "matmul", call, 2 * SIDE**3 / 1e9)


def gflop_of(call: Callable[[], Any]) -> float:
    """1e9 operations of the convolutions and matrix products in it, a multiplication with its addition being two."""
    with FlopCounterMode(display=False) as counter:
        call()
    return counter.get_total_flops() / 1e9


def peak_memory_mb(device: torch.device) -> float:
    """The most this process has held so far; on a GPU of the GPU's memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    if sys.platform == "win32":
        return float("nan")
    import resource

    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, kilobytes here
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
