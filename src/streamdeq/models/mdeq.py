"""The backbone: stem and cell. `inject` once per frame, `bind` once per solve."""

from collections.abc import Callable

from torch import Tensor, nn

from streamdeq.latent import Latent
from streamdeq.models import lite as lite  # registers its cell
from streamdeq.models import stem
from streamdeq.models.architecture import Architecture
from streamdeq.models.cells import CELLS, Injection


class MDEQ(nn.Module):
    """A multiscale deep equilibrium model (Bai et al. 2020) with the published parameter names.

    Its output is not computed by a forward pass: it is the fixed point of `bind(inject(x))`, found by a
    solver that starts wherever it likes.
    """

    def __init__(self, arch: Architecture) -> None:
        super().__init__()
        self.arch = arch
        self.downsample = stem.downsample(arch.channels[0])
        self.stage0 = stem.stage0(arch.channels[0])
        self.pyramid = stem.pyramid(arch.channels[: arch.injected])
        self.fullstage = CELLS[arch.cell](arch)

    def inject(self, x: Tensor) -> Injection:
        """Normalised pictures (B, 3, H, W) → one map per scale, None below the `arch.injected` highest."""
        maps = [self.stage0(self.downsample(x))]
        for halve in self.pyramid:
            maps.append(halve(maps[-1]))
        return (*maps, *(None for _ in self.arch.channels[len(maps) :]))

    def bind(self, injection: Injection) -> Callable[[Latent], Latent]:
        """The problem to solve: f(z) with the injection, kernels and dropout masks fixed."""
        return self.fullstage.bind(injection)

    def zeros(self, injection: Injection) -> Latent:
        """The start from nothing, for this injection's rows, size, device and dtype."""
        first = next(x for x in injection if x is not None)
        shapes = self.arch.shapes((first.shape[2] * 4, first.shape[3] * 4))
        return Latent.zeros(shapes, first.shape[0], first)

    def fold(self) -> None:
        """Bake weight norm and BatchNorm into plain convolutions, in place: inference only."""
        self.downsample = stem.fold_sequential(self.downsample)
        self.stage0 = stem.fold_sequential(self.stage0)
        self.pyramid = nn.ModuleList(stem.fold_sequential(halve) for halve in self.pyramid)  # type: ignore[arg-type]
        self.fullstage.fold()


class Network(nn.Module):
    """What is trained and stored: a backbone and a task's head (any module from Latent to tensors)."""

    def __init__(self, backbone: MDEQ, head: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head
