"""CUDA graphs: an application of f is recorded once for a number of rows and replayed, for the price of one launch.

f is hundreds of small kernels, which a host launches slower than a GPU computes them. Rows are filled up to the next
power of two, so that a few recordings do for any number. Fused, torch's compiler makes one kernel of GroupNorm and what
stands around it (ReLU, the sum with the input, the next norm), where otherwise each passes over the maps by itself.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from streamdeq.latent import Latent
from streamdeq.models.cells import Injection
from streamdeq.runtime.executor import HW, Executor
from streamdeq.runtime.functions import Functions
from streamdeq.runtime.kinds import EXECUTORS, Kind

#: Recordings kept; each holds the memory of a step. Calls before one, in which kernels are chosen.
MOST, WARM_UP = 8, 3

Step = Callable[[Latent, Injection], Latent]


@dataclass(frozen=True, eq=False)
class Recording:
    """`replay` computes `outputs` anew, where they are, from what the inputs of the recorded call hold now."""

    outputs: Latent
    replay: Callable[[], None]


def record_graph(call: Callable[[], Latent]) -> Recording:
    """A call on the current CUDA device, which reads and allocates nothing that the host decides on."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            call()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # other threads go on with what they do
        outputs = call()
    return Recording(outputs, graph.replay)


def record_plain(call: Callable[[], Latent]) -> Recording:
    """The same on any device, by calling again: the oracle."""
    outputs = call()

    def replay() -> None:
        for kept, new in zip(outputs.maps, call().maps, strict=True):
            kept.copy_(new)

    return Recording(outputs, replay)


@dataclass(eq=False)
class Replayed(Executor):
    """`step` by recordings of `apply`; the other two functions, called once a frame, as torch computes them."""

    functions: Functions
    apply: Step
    record: Callable[[Callable[[], Latent]], Recording]
    _recorded: dict[Any, tuple[list[Tensor], Recording]] = field(default_factory=dict)

    def inject(self, pictures: Tensor, canvas_hw: HW) -> Injection:
        return self.functions.inject(pictures, canvas_hw)

    @torch.no_grad()
    def step(self, z: Latent, injection: Injection) -> Latent:
        rows = z.rows
        key = 1 << (rows - 1).bit_length(), z.shapes
        if key not in self._recorded:
            if len(self._recorded) == MOST:
                del self._recorded[next(iter(self._recorded))]
            self._recorded[key] = self._record(key[0], z, injection)
        held, recording = self._recorded[key]
        for place, given in zip(held, _tensors(z, injection), strict=True):
            place[:rows].copy_(given)
        recording.replay()
        return recording.outputs.map(lambda m: m[:rows].clone())

    def predict(self, z: Latent) -> Any:
        return self.functions.predict(z)

    def _record(self, rows: int, z: Latent, injection: Injection) -> tuple[list[Tensor], Recording]:
        """For inputs like these, but of so many rows; and where to put them."""
        held = [
            torch.empty(rows, *m.shape[1:], dtype=m.dtype, device=m.device, memory_format=torch.channels_last).zero_()
            for m in _tensors(z, injection)
        ]
        own = iter(held)
        own_z = z.map(lambda _: next(own))
        own_injection = tuple(None if x is None else next(own) for x in injection)
        return held, self.record(lambda: self.apply(own_z, own_injection))


def _tensors(z: Latent, injection: Injection) -> Iterator[Tensor]:
    yield from z.maps
    yield from (x for x in injection if x is not None)


def fused(functions: Functions) -> Step:
    """`functions.step` by torch's compiler, for fixed sizes."""
    return torch.compile(functions.step, dynamic=False, fullgraph=True)


@dataclass(frozen=True)
class CudaGraph(Kind):
    """Recordings of what `applied` makes of the functions, with the module of this name if it needs one."""

    applied: Callable[[Functions], Step]
    needs: str | None = None

    def missing(self, functions: Functions) -> str | None:
        if functions.device.type != "cuda":
            return "it computes on GPUs; use --device cuda"
        if self.needs and not find_spec(self.needs):
            return f"it needs {self.needs}: pip install {self.needs}"
        return None

    def version(self) -> str:
        return torch.__version__

    def prepare(self, functions: Functions, canvas_hw: HW, folder: Path) -> None:
        """Nothing is left in `folder`: what the compiler makes it keeps itself, for the next time."""
        self.load(functions, canvas_hw, folder)

    def load(self, functions: Functions, canvas_hw: HW, folder: Path) -> Executor:
        made = Replayed(functions, self.applied(functions), record_graph)
        blank = functions.inject(torch.zeros(1, 3, *canvas_hw, dtype=torch.uint8), canvas_hw)
        made.step(functions.zeros(blank), blank)  # recorded here, where no frame waits for it
        return made


EXECUTORS.register("cuda-graph")(CudaGraph(lambda functions: functions.step))
EXECUTORS.register("cuda-fused")(CudaGraph(fused, needs="triton"))
