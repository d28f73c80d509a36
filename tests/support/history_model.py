"""A model that writes its own history into its latent, a metric that notes what it reads there, clips of numbers."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from streamdeq.api import Model
from streamdeq.data.base import Clip, Dataset
from streamdeq.data.cache import cached
from streamdeq.data.frames import Rendered
from streamdeq.data.open import open_dataset
from streamdeq.data.targets import Lazy
from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.models.spec import ModelSpec
from streamdeq.runtime.functions import Functions
from streamdeq.tasks import Metric, build_network
from support.small_models import Answer, StubModel

POISON = 99
SPEC = ModelSpec("history_model", "reading", Architecture((8,), groups=2), ("a", "b"), ((0, 0, 0), (1, 1, 1)), size=4)


class HistoryModel:
    """f(z) = 10·z + number of the frame: from zeros, the digits of z are the frames of all its applications."""

    def inject(self, pictures: Tensor, canvas_hw: tuple[int, int]) -> tuple[Tensor, ...]:
        return (pictures[:, :1, :1, :1].double(),)

    def zeros(self, injection: tuple[Tensor, ...]) -> Latent:
        return Latent((torch.zeros_like(injection[0]),))

    def step(self, z: Latent, injection: tuple[Tensor, ...]) -> Latent:
        [x] = injection
        return Latent((torch.where(x == POISON, torch.nan, 10 * z.maps[0] + x),))

    def predict(self, z: Latent) -> Latent:
        return z


@dataclass
class HistoryMetric(Metric):
    """A metric that writes down (target, digits of the answer)."""

    name: str = "seen"
    seen: list[tuple[Any, str]] = field(default_factory=list)

    def update(self, result: Answer, target: Any) -> None:
        self.seen.append((target, f"{int(result.z.maps[0])}"))

    def merge(self, other: "HistoryMetric") -> None:
        self.seen += other.seen

    def compute(self) -> dict[str, float]:
        return {self.name: float(len(self.seen))}


class Reading:
    metric = staticmethod(HistoryMetric)
    counts_early = False


def history_model(task: Any = Reading()) -> StubModel:  # noqa: B008 (it holds nothing)
    return StubModel(HistoryModel(), SPEC, task, stride=4)


def numbered_clip(name: str, numbers: tuple[int, ...], marked: tuple[int, ...], width: int = 4) -> Clip:
    """Frame `t` is filled with `numbers[t]`; the target of a labelled frame is its place as text."""
    frames = Rendered(len(numbers), lambda t: np.full((4, width, 3), numbers[t], np.uint8))
    return Clip(name, 10.0, frames, Lazy(marked, lambda t: f"{name}{t}"))


def numbered(*clips: Clip) -> Dataset:
    return Dataset("numbers", "reading", "val", SPEC.classes, SPEC.palette, clips, "")


#: Two frame sizes; in the first clip some frames have no label.
CLIPS = numbered(
    numbered_clip("a", (1, 2, 3, 4, 5, 6), (1, 3, 5)),
    numbered_clip("b", (7, 8, 9, 1, 2), (0, 1, 2, 3, 4), width=8),
)


def double_model() -> tuple[Model, Dataset]:
    """Random weights in float64: a batch may not differ from single rows by more than rounding."""
    street = cached(open_dataset("synthetic:clips=2,frames=5,size=16x24", "val"), 1 << 20)
    architecture = Architecture((4, 4), groups=2, expansion=1)
    spec = ModelSpec("double", "segmentation", architecture, street.classes, street.palette, size=16)
    torch.manual_seed(0)
    network = build_network(spec)
    model = Model(network, spec, "cpu", "fp32")
    model.functions = Functions(network.double(), spec, torch.device("cpu"), torch.float64)
    return model, street
