"""The façade: load a model, stream a video through it, solve a picture. Knows how the rooms are put together.

model = streamdeq.load("camvid-s")
with model.stream(iterations=2) as stream:
    for result in stream.run("street.mp4"):
        print(result.status.frame_index, result.shares())
"""

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, Unpack

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
from streamdeq.streaming.cut import make_cut_policy
from streamdeq.streaming.engine import Engine
from streamdeq.streaming.locate import FromFunction, read_boxes
from streamdeq.streaming.options import DEFAULT_CAP, StreamOptions
from streamdeq.streaming.regions import Locate, Regions
from streamdeq.streaming.state import StreamState, read_state
from streamdeq.streaming.stream import OnUpdate, Stream, advance, check_image
from streamdeq.tasks import build_network, build_task
from streamdeq.video import open_source


class Options(TypedDict, total=False):
    """The fields of `StreamOptions` besides `iterations`, as keywords."""

    solver: str | None
    start: str
    size: int | str | None
    tolerance: float | None
    tolerance_of: str
    budget_ms: float | None
    target_fps: float | None
    max_gap_s: float
    cuts: str
    on_cut: str
    cut_iterations: int


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

    def engine(self, solver: Solver, size: int | str | None = None) -> Engine:
        """Rows for any number of streams of this model that are to share batches."""
        chosen = self.spec.size if size is None else size
        shorter_side = chosen if isinstance(chosen, int) else None
        decode = partial(self.task.decode, head=self.functions.head)
        longest = self.spec.longest if size is None else None  # who names a size means it
        return Engine(self.functions, solver, decode, shorter_side, self.spec.architecture.stride, longest)

    def stream(self, iterations: int | None = None, *, boxes: Any = None, **options: Unpack[Options]) -> Stream:
        """A video: feed it frames in order, get an answer for each. Options as in `StreamOptions`.

        Args:
            boxes: where the instances are, for a task that looks at each of them: see `begin`.

        Raises:
            StreamdeqError: an option that does not exist, is out of range, or does not go with another.
        """
        return Stream(self.begin(StreamOptions(iterations, **options), boxes), open_source)

    def iterations(self, options: StreamOptions) -> int:
        """What a frame gets; where a budget decides, at the most."""
        return options.iterations or (DEFAULT_CAP if options.dynamic else self.spec.iterations)

    def begin(self, options: StreamOptions, boxes: Any = None) -> StreamState:
        """The state of a video that has not begun, for `step` or a `Stream`.

        Args:
            boxes: a file (see `streaming.locate`), a detection model, or a function of the picture that gives an array
                (N, 4) or an answer with `boxes_xyxy`; None to look at the whole frame.
        """
        regions = None
        if boxes is not None:
            if not self.task.joins:
                raise StreamdeqError(f"{self.spec.task} looks at whole frames; boxes are for poses and their like")
            regions = Regions(locate(boxes), self.task.join)
        number = self.iterations(options)
        solver = make_solver(options.solver or self.spec.solver, number)
        budget = options.budget(solver.evaluations(number))
        engine = self.engine(solver, options.size)
        cuts = make_cut_policy(options.cuts, options.on_cut, options.cut_iterations)
        seen = cuts.detector.init()
        row = engine.open()
        return StreamState(engine, self.spec.architecture, options, budget, row, budget.init(), cuts, seen, regions)

    def step(
        self, frame: np.ndarray | Frame, state: StreamState, on_update: OnUpdate | None = None
    ) -> tuple[Any, StreamState]:
        """The functional core: (frame, state) → (result, state). The state given is consumed; `clone` it to keep it."""
        if not isinstance(frame, Frame):
            status = state.row.status
            frame = Frame(frame, 0 if status is None else status.frame_index + 1, 0.0)
        check_image(frame.image)
        return advance(frame, state, on_update)

    def restore(self, saved: str | os.PathLike[str]) -> StreamState:
        """A state written by `state.save`, on this model's device, to go on with as if nothing had happened."""
        read = read_state(saved, self.spec.architecture, self.functions.device)
        state = self.begin(read.options)
        return replace(state, row=state.engine.adopt(read.content, read.row), value=read.value, seen=read.seen)

    def solve(
        self,
        image: np.ndarray,
        iterations: int = 20,
        solver: str | None = None,
        size: int | str | None = None,
    ) -> Any:
        """The answer for one picture, (H, W, 3) uint8 RGB, from zeros: the single-frame baseline."""
        with self.stream(iterations, solver=solver, start="zeros", size=size) as stream:
            return stream(image)

    def draw(self, image: np.ndarray, result: Any) -> np.ndarray:
        """The frame with the answer on it, as a new array."""
        return self.task.draw(image, result)


def locate(boxes: Any) -> Locate:
    """What says where to look, from what a user gives."""
    if isinstance(boxes, Model):
        return FromFunction(boxes.stream())
    if isinstance(boxes, str | os.PathLike):
        suffix = Path(boxes).suffix
        return read_boxes(boxes) if suffix in (".json", ".jsonl") else FromFunction(load(boxes).stream())
    if callable(boxes):
        return FromFunction(boxes)
    raise StreamdeqError(f"boxes: expected a file, a detection model or a function, got {type(boxes).__name__}")


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
