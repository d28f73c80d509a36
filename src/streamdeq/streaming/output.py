"""What a row's head says of its frame before it is an answer: decoding it needs neither the row nor the engine."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

from streamdeq.values.geometry import Geometry
from streamdeq.values.status import Status


@dataclass(frozen=True, eq=False)
class Output:
    """What a row's head says, and what it takes to make an answer of it.

    Args:
        decode: as the engine has it.
        tensors: of this row alone.
    """

    decode: Callable[[Any, Geometry, Status], Any]
    tensors: Any
    geometry: Geometry
    status: Status

    def answer(self) -> Any:
        """The task's result, with the status as it was when the row was read."""
        began = perf_counter()
        answer = self.decode(self.tensors, self.geometry, self.status)
        return replace(answer, status=replace(self.status, decode_s=perf_counter() - began))
