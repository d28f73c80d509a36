"""The ways there are to compute a model's functions, by name: what each needs, prepares and loads.

Which one computes changes how fast answers come, never what they are beyond rounding; nobody outside this room knows
which it is. `Functions`, torch operation by operation, is the oracle that the others are compared with.
"""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from streamdeq.registry import Registry
from streamdeq.runtime.executor import HW, Executor
from streamdeq.runtime.functions import Functions


class Kind(ABC):
    """A way to compute, registered in `EXECUTORS` under the name that a user says.

    `quick`: whether making it ready takes seconds, so that a stream may have it tried beside it.
    """

    quick: ClassVar[bool] = True

    @abstractmethod
    def missing(self, functions: Functions) -> str | None:
        """Why it cannot compute these functions here, with the remedy where there is one; None if it can."""

    @abstractmethod
    def version(self) -> str:
        """Of whatever computes: with another one, what was prepared and measured is worth nothing."""

    @abstractmethod
    def prepare(self, functions: Functions, canvas_hw: HW, folder: Path) -> None:
        """Leave in `folder` what `load` needs, if anything: the slow part, done once, in a process that may crash."""

    @abstractmethod
    def load(self, functions: Functions, canvas_hw: HW, folder: Path) -> Executor:
        """What was prepared, ready to compute. Nothing of a frame is waited for meanwhile: it may take a second."""


EXECUTORS: Registry[Kind] = Registry("runtime")
