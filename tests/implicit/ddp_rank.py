"""One rank of data-parallel training: `ddp_rank.py RANK RANKS STORE OUT` writes the averaged gradients to OUT."""

import sys

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from streamdeq.implicit import Implicit
from streamdeq.models.architecture import Architecture
from streamdeq.models.mdeq import MDEQ
from streamdeq.solvers import Broyden

ROWS, HW = 4, (8, 16)


class Loss(nn.Module):
    """Mean square of the fixed point, two graded solves in one graph: what DDP sees as a network."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.net = MDEQ(Architecture((4, 4), groups=2, expansion=1)).double().eval()
        for norm in (m for m in self.net.fullstage.modules() if isinstance(m, nn.GroupNorm)):
            nn.init.constant_(norm.weight, 0.3)
            nn.init.normal_(norm.bias)

    def forward(self, x: Tensor) -> Tensor:
        injection = self.net.inject(x)
        f, start = self.net.bind(injection), self.net.zeros(injection)
        how = Implicit(Broyden(12), max_steps=12)
        whole, part = how(f, start, 12).flat(), how(f, start + start.map(torch.ones_like), 12).flat()
        return (whole.square().mean(dim=1) + part.abs().mean(dim=1)).mean()


def pictures() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(ROWS, 3, *HW, generator=generator, dtype=torch.float64)


def main(rank: int, ranks: int, store: str, out: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=ranks)
    model = DistributedDataParallel(Loss())
    for _ in range(2):  # the reducer must be ready for a second step
        model.zero_grad()
        model(pictures()[rank::ranks]).backward()
    torch.save({name: p.grad for name, p in model.module.named_parameters()}, out)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
