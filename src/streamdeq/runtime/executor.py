"""What computes a model's three functions, and the ways there are, by name.

An `Executor` is a value: the functions of one model, made for a device, a precision and a canvas size, for any number
of rows. Which one computes changes how fast answers come, never what they are beyond rounding; nobody outside this room
knows which it is. `Functions`, torch operation by operation, is the oracle that the others are compared with.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor

from streamdeq.latent import Latent
from streamdeq.models.cells import Injection
from streamdeq.registry import Registry

if TYPE_CHECKING:
    from streamdeq.runtime.functions import Functions

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


class Kind(ABC):
    """A way to compute, registered in `EXECUTORS` under the name that a user says.

    `quick`: whether making it ready takes seconds, so that a stream may have it tried beside it.
    """

    quick: ClassVar[bool] = True

    @abstractmethod
    def missing(self, functions: "Functions") -> str | None:
        """Why it cannot compute these functions here, with the remedy where there is one; None if it can."""

    @abstractmethod
    def version(self) -> str:
        """Of whatever computes: with another one, what was prepared and measured is worth nothing."""

    @abstractmethod
    def prepare(self, functions: "Functions", canvas_hw: HW, folder: Path) -> None:
        """Leave in `folder` what `load` needs, if anything: the slow part, done once, in a process that may crash."""

    @abstractmethod
    def load(self, functions: "Functions", canvas_hw: HW, folder: Path) -> Executor:
        """What was prepared, ready to compute. Nothing of a frame is waited for meanwhile: it may take a second."""


EXECUTORS: Registry[Kind] = Registry("runtime")
