"""Models small enough that their fixed points are known, and a real one in float64, as the engine sees them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from streamdeq.api import Model
from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.models.spec import ModelSpec
from streamdeq.runtime.functions import Functions
from streamdeq.solvers import Picard, Solver
from streamdeq.streaming.engine import Engine
from streamdeq.streaming.start import Reference
from streamdeq.tasks import build_network
from streamdeq.values.frame import Frame
from streamdeq.values.geometry import Geometry
from streamdeq.values.status import Status

STRIDE = 8
#: What a stream's state has for solves that are longer than its frames: the reference's, and that of a cut's frame.
LONG = (Reference(Picard(), 40), Picard())


class Contraction:
    """f(z) = z/2 + x per pixel, so z* = 2x and after k steps from zeros z = 2x·(1 − 2⁻ᵏ). Two scales."""

    def inject(self, pictures: Tensor, canvas_hw: tuple[int, int]) -> tuple[Tensor | None, ...]:
        x = pictures.double() / 255
        x = F.pad(x, (0, canvas_hw[1] - x.shape[3], 0, canvas_hw[0] - x.shape[2]))
        return F.avg_pool2d(x, 4), F.avg_pool2d(x, 8)

    def zeros(self, injection: tuple[Tensor | None, ...]) -> Latent:
        return Latent(tuple(torch.zeros_like(x) for x in injection if x is not None))

    def step(self, z: Latent, injection: tuple[Tensor | None, ...]) -> Latent:
        return Latent(tuple(m / 2 + x for m, x in zip(z.maps, injection, strict=True) if x is not None))

    def predict(self, z: Latent) -> Latent:
        return z

    def wait(self) -> None:
        """Nothing runs beside the host here."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What was read: the latent, and what is known about it."""

    z: Latent
    geometry: Geometry
    status: Status

    def __post_init__(self) -> None:
        object.__setattr__(self, "z", self.z.clone())  # the engine's own goes on changing


class StubModel(Model):
    """A model around a test's own functions in the place of a network's.

    Args:
        task: what of a task a test needs.
        decode: makes the answers of one row's outputs.
    """

    def __init__(self, functions: Any, spec: ModelSpec, task: Any = None, decode: Any = Answer, stride: int = STRIDE):
        self.functions, self.spec, self.task = functions, spec, task
        self._decode, self._stride = decode, stride

    def engine(self, solver: Solver, size: int | str | None = None, runtime: str = "eager") -> Engine:
        return Engine(self.functions, solver, self._decode, None, self._stride)


def engine_of(functions: Any, solver: Solver, shorter_side: int | None = None, stride: int = STRIDE) -> Engine:
    return Engine(functions, solver, Answer, shorter_side, stride)


class Bare(Functions):
    """A real model whose answer is the latent itself, so that it can be compared to all digits."""

    def predict(self, z: Latent) -> Latent:
        return z


def network_functions(seed: int = 0) -> tuple[Functions, int]:
    """A real backbone with random weights in float64, and its stride."""
    torch.manual_seed(seed)
    arch = Architecture((8, 8, 16), groups=2, expansion=2)
    spec = tiny_spec(arch)
    network = build_network(spec).double()
    return Bare(network, spec, torch.device("cpu"), torch.float64), arch.stride


def tiny_spec(arch: Architecture) -> ModelSpec:
    classes = ("sky", "road", "car")
    return ModelSpec("tiny", "segmentation", arch, classes, ((0, 0, 255), (128, 64, 128), (200, 0, 0)), size=32)


def tiny_model(seed: int = 0, precision: str = "fp32") -> Model:
    torch.manual_seed(seed)
    spec = tiny_spec(Architecture((8, 8, 16), groups=2, expansion=2))
    return Model(build_network(spec), spec, "cpu", precision)


def frames(count: int, seed: int = 0, hw: tuple[int, int] = (32, 48)) -> list[Frame]:
    """Smooth noise that drifts: neighbours are alike, the first and the last are not."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.uniform(0, 255, (1, 3, 5, 5 + count)))
    wide = F.interpolate(coarse, size=(hw[0], hw[1] + 4 * count), mode="bicubic").clamp(0, 255)
    whole = wide[0].permute(1, 2, 0).to(torch.uint8).numpy()
    return [Frame(np.ascontiguousarray(whole[:, 4 * t : 4 * t + hw[1]]), t, t / 25) for t in range(count)]


def distance(a: Latent, b: Latent) -> float:
    """Largest difference over largest entry."""
    return max(float((x - y).abs().max() / y.abs().max().clamp(min=1e-30)) for x, y in zip(a.maps, b.maps, strict=True))
