"""The façade: load a model, stream a video through it, solve a picture. Knows how the rooms are put together.

model = streamdeq.load("camvid-s")
with model.stream(iterations=2) as stream:
    for result in stream.run("street.mp4"):
        print(result.status.frame_index, result.shares())
"""

import os
from pathlib import Path
from typing import Any

import numpy as np

from streamdeq.errors import StreamdeqError
from streamdeq.frame import Frame
from streamdeq.models import zoo
from streamdeq.models.checkpoint import load_tensors, read_weights
from streamdeq.models.mdeq import Network
from streamdeq.models.spec import ModelSpec
from streamdeq.runtime.functions import Functions
from streamdeq.runtime.precision import pick_device, pick_dtype
from streamdeq.solvers import Solver, make_solver
from streamdeq.streaming.budget import Fixed
from streamdeq.streaming.engine import Engine
from streamdeq.streaming.stream import Policies, StartFrom, Stream, check_image
from streamdeq.tasks import build_network, build_task
from streamdeq.video import open_source

#: A working size of "native" keeps every frame's own size.
Size = int | str | None


class Model:
    """Weights ready to run. Holds no video's state: that is a stream's.

    Args:
        network: as trained; a folded copy is made for inference.
        spec: what the weights are.
        device, precision: see `load`.
    """

    def __init__(self, network: Network, spec: ModelSpec, device: str = "auto", precision: str = "auto") -> None:
        where = pick_device(device)
        self.spec = spec
        self.task = build_task(spec)
        self.functions = Functions(network, spec, where, pick_dtype(precision, where))

    def engine(self, solver: Solver, size: Size = None) -> Engine:
        """Rows for any number of streams of this model that are to share batches."""
        shorter_side = _shorter_side(self.spec.size if size is None else size)
        return Engine(self.functions, solver, self.task.decode, shorter_side, self.spec.architecture.stride)

    def stream(
        self,
        iterations: int | None = None,
        solver: str | None = None,
        start: str = "previous",
        size: Size = None,
    ) -> Stream:
        """A video: feed it frames in order, get an answer for each.

        Args:
            iterations: per frame, in the paper's sense; what the weights suggest if None.
            solver: `picard` (unrolled) or `broyden`; what the weights were trained for if None.
            start: `previous` (recycling), `zeros` (every frame from scratch) or `reference` (first frame converged).
            size: working size, the shorter side in pixels, or "native"; the model's own if None.
        """
        method = make_solver(solver or self.spec.solver, self._iterations(iterations))
        budget = Fixed(method.evaluations(self._iterations(iterations)))
        return Stream(self.engine(method, size), Policies(_start(start), budget), open_source)

    def solve(self, image: np.ndarray, iterations: int = 20, solver: str | None = None, size: Size = None) -> Any:
        """The answer for one picture, (H, W, 3) uint8 RGB, from zeros: the single-frame baseline."""
        check_image(image)
        with self.stream(iterations, solver, "zeros", size) as stream:
            return stream.step(Frame(image, 0, 0.0))

    def draw(self, image: np.ndarray, result: Any) -> np.ndarray:
        """The frame with the answer on it, as a new array."""
        return self.task.draw(image, result)

    def _iterations(self, iterations: int | None) -> int:
        chosen = self.spec.iterations if iterations is None else iterations
        if chosen < 1:
            raise StreamdeqError(f"iterations must be at least 1; got {chosen}")
        return chosen


def load(name_or_path: str | os.PathLike[str], device: str = "auto", precision: str = "auto") -> Model:
    """A model by the name of packaged weights or by the path of a `.safetensors` file.

    Args:
        device: `auto` (CUDA where there is one), `cpu` or `cuda`.
        precision: `auto` (bfloat16 where the processor computes in it), `fp32` or `bf16`.

    Raises:
        StreamdeqError: unknown name (the nearest is shown), unreadable or damaged file, wrong architecture.
    """
    path = zoo.find(name_or_path)
    spec, tensors = read_weights(path)
    network = build_network(spec)
    load_tensors(network, tensors, str(Path(name_or_path)))
    return Model(network, spec, device, precision)


def _shorter_side(size: int | str) -> int | None:
    if size == "native":
        return None
    if not isinstance(size, int) or size < 1:
        raise StreamdeqError(f"size must be a number of pixels or 'native'; got {size!r}")
    return size


def _start(name: str) -> StartFrom:
    if name not in tuple(StartFrom):
        raise StreamdeqError(f"unknown start '{name}' (choices: {', '.join(StartFrom)})")
    return StartFrom(name)
