"""What computes a model's three functions: a value, made for a device, a precision and a canvas size, for any number of
rows."""

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from streamdeq.latent import Latent
from streamdeq.models.cells import Injection

HW = tuple[int, int]


class Executor(ABC):
    """The three functions. No row's result depends on its batch mates. Legend: B rows, (h, w) content.

    `own_threads`: whether it computes by threads of its own, beside which torch's would be in the way.
    """

    own_threads: bool = False

    @abstractmethod
    def inject(self, pictures: Tensor, canvas_hw: HW) -> Injection:
        """(B, 3, h, w) uint8 RGB → injection for a canvas that holds it at the top left, zeros elsewhere."""

    @abstractmethod
    def step(self, z: Latent, injection: Injection) -> Latent:
        """One application of f. The latent comes and goes in float32, whatever computes inside."""

    @abstractmethod
    def predict(self, z: Latent) -> Any:
        """Latent → the head's outputs, a pytree whose tensors have rows first."""
