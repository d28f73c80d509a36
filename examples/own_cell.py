"""A cell of your own: with it, this file is the whole `streamdeq` command.

python examples/own_cell.py train synthetic-tiny architecture.cell=depthwise --data synthetic --out runs/cell
python examples/own_cell.py eval runs/cell/model.safetensors --data synthetic:clips=2 --iterations 1,2

docs/extend.md makes a package of such a file, which every program finds once it is installed.
"""

import torch.nn.functional as F
from torch import nn

import streamdeq
from streamdeq.cli.main import main
from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.models.cells import Cell


@streamdeq.register("cell", "depthwise")
class DepthwiseCell(Cell):
    """Every scale: the other scales added, a depthwise 3×3, a 1×1, the injection, a norm."""

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        widths = arch.channels
        self.mix = nn.ModuleList(nn.ModuleList(nn.Conv2d(source, to, 1) for source in widths) for to in widths)
        self.deep = nn.ModuleList(nn.Conv2d(c, c, 3, padding=1, groups=c) for c in widths)
        self.wide = nn.ModuleList(nn.Conv2d(c, c, 1) for c in widths)
        self.norm = nn.ModuleList(nn.GroupNorm(arch.groups, c) for c in widths)

    def bind(self, injection):
        """f for one frame: from latent to latent, a map per scale; `injection` has None where a scale gets nothing."""

        def f(z: Latent) -> Latent:
            return Latent(tuple(self._scale(n, z.maps, x) for n, x in enumerate(injection)))

        return f

    def _scale(self, n, maps, x):
        size = maps[n].shape[-2:]
        seen = sum(F.adaptive_avg_pool2d(mix(m), size) for mix, m in zip(self.mix[n], maps, strict=True))
        total = self.wide[n](F.relu(self.deep[n](seen)))
        return self.norm[n](total if x is None else total + x)


if __name__ == "__main__":
    main()
