"""A model that writes its own history into its latent, and a metric that notes what it reads there."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import Metric
from support.small_models import Answer

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
