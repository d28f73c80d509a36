"""The façade: load a model, stream a video through it, solve a picture.

model = streamdeq.load("camvid-s")
with model.stream(iterations=2) as stream:
    for result in stream.run("street.mp4"):
        print(result.status.frame_index, result.shares())
"""

import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from copy import copy
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Generic, Self, Union, Unpack

import numpy as np
from torch import Tensor

from streamdeq.errors import StreamdeqError, memory_errors
from streamdeq.models import zoo
from streamdeq.models.checkpoint import read_weights
from streamdeq.models.licence import tell
from streamdeq.models.mdeq import Network
from streamdeq.models.spec import ModelSpec
from streamdeq.runtime.export import Described, Sizes, export
from streamdeq.runtime.functions import Functions
from streamdeq.runtime.gathered import Gathered
from streamdeq.runtime.precision import pick_device, pick_dtype, precision_of
from streamdeq.runtime.switching import EAGER, named
from streamdeq.solvers import Solver, make_solver
from streamdeq.streaming.advance import OnUpdate, advance
from streamdeq.streaming.cut import make_cut_policy
from streamdeq.streaming.engine import Engine, ModelFunctions
from streamdeq.streaming.locate import FromFunction, FromTable, Locator, given_locator, read_boxes
from streamdeq.streaming.options import DEFAULT_CAP, Options, StartFrom, StreamOptions
from streamdeq.streaming.regions import Follow, Regions
from streamdeq.streaming.start import Reference
from streamdeq.streaming.state import StreamState
from streamdeq.streaming.statefile import read_state
from streamdeq.streaming.stream import R, Stream, check_image
from streamdeq.tasks import Result, build_task, load_network
from streamdeq.tasks.base import drawn
from streamdeq.values.choice import Choice
from streamdeq.values.frame import Frame
from streamdeq.values.look import USUAL, Look
from streamdeq.values.picture import Picture
from streamdeq.video import open_source

#: What a user may say about where to look, as `Model.locator` explains.
Boxes = Union["Model", Locator, Callable[[np.ndarray], Any], str, os.PathLike[str], None]

#: The endings of files of boxes.
BOX_FILES = (".json", ".jsonl")


class Model(Generic[R]):
    """Weights ready to run, that answer with R, a `Result`. Holds no video's state: that is a stream's.

    Args:
        network: as trained; a folded copy is made for inference.
        spec: what the weights are.
        device, precision: see `load`.

    Attributes:
        origin: the file of the weights; None where they came from none.
    """

    origin: Path | None = None

    def __init__(self, network: Network, spec: ModelSpec, device: str = "auto", precision: str = "auto") -> None:
        where = pick_device(device)
        self.spec = spec
        self.task = build_task(spec)
        self.functions = Functions(network, spec, where, pick_dtype(precision, where))
        self._computing: dict[str, ModelFunctions] = {}
        self._gathers = False

    @classmethod
    def load(cls, name_or_path: str | os.PathLike[str], device: str = "auto", precision: str = "auto") -> Self:
        """A model by the name of packaged weights, the path of a `.safetensors` file or an address on the Hugging Face
        Hub, `hf://owner/name[@revision][/FILE.safetensors]` (extra `hub`).

        Args:
            device: `auto` (CUDA where there is one), `cpu`, `cuda`, `cuda:1`.
            precision: `auto` (bfloat16 where the processor computes in it), `fp32` or `bf16`.

        Raises:
            StreamdeqError: unknown name (the nearest is shown), unreadable or damaged file, wrong architecture.
        """
        path = zoo.find(name_or_path)
        spec, tensors = read_weights(path)
        model = cls(load_network(spec, tensors, os.fspath(name_or_path)), spec, device, precision)
        model.origin = path
        tell(spec)
        return model

    def engine(self, solver: Solver, size: int | str | None = None, runtime: str = EAGER) -> Engine:
        """Rows for any number of streams of this model that are to share batches; `runtime` as in `StreamOptions`."""
        chosen = self.spec.size if size is None else size
        shorter_side = chosen if isinstance(chosen, int) else None
        decode = partial(self.task.decode, head=self.functions.head)
        longest = self.spec.longest if size is None else None  # who names a size means it
        return Engine(self._computed_by(runtime), solver, decode, shorter_side, self.spec.architecture.stride, longest)

    def gathered(self) -> Self:
        """The same model for several threads, each with streams of its own: what they need at the same time is computed
        in one batch."""
        shared = copy(self)
        shared._computing = {}
        shared._gathers = True
        return shared

    def _computed_by(self, name: str) -> ModelFunctions:
        """What is ready for one stream is so for all."""
        if name not in self._computing:
            made = named(self.functions, name)
            self._computing.setdefault(name, Gathered(made) if self._gathers else made)
        return self._computing[name]

    def stream(
        self,
        iterations: int | None = None,
        *,
        boxes: Boxes = None,
        choice: Choice | None = None,
        start_from: np.ndarray | None = None,
        **options: Unpack[Options],
    ) -> Stream[R]:
        """A video: feed it frames in order, get an answer for each. Options as in `StreamOptions`.

        Args:
            boxes, choice: where the instances are, for a task that looks at each of them: see `locator`. For another
                one `choice` says which of its own answers there are; without, all.
            start_from: with start="other" the picture, (H, W, 3) uint8 RGB, whose reference the stream begins from.

        Raises:
            StreamdeqError: an option that does not exist, is out of range, or does not go with another.
        """
        chosen = StreamOptions(iterations, **options)  # type: ignore[arg-type]  # says itself which words there are
        own = None if choice is None or self.task.joins else choice
        choose = None if own is None else self.task.chooser(own)
        looks = self.locator(boxes, choice if own is None else None)
        return Stream(self.begin(chosen, looks, start_from), open_source, finish=partial(self._finished, choose))

    def _finished(self, choose: Callable[[Any], Any] | None, result: Any, frame: Frame) -> Any:
        """An answer as a user gets it: chosen from, with its picture."""
        chosen = choose(result) if choose else result
        if not isinstance(chosen, Result):
            return chosen
        return replace(chosen, picture=Picture(frame.image, self.task.draw))

    def iterations(self, options: StreamOptions) -> int:
        """What a frame gets; where a budget decides, at the most."""
        return options.iterations or (DEFAULT_CAP if options.dynamic else self.spec.iterations)

    def locator(
        self, boxes: Boxes, choice: Choice | None = None, source: Any = None, allow_outside: bool = False
    ) -> Locator | None:
        """What says where to look in the frames of one video; None for the whole of them.

        Args:
            boxes: a file (see `streaming.locate`), the name or file of a detection model, such a model, a function of
                the picture that gives an array (N, 4) or an answer with `boxes_xyxy`, "labels" for those of the data
                set that the files of `source` belong to; None or "frame" to look at the whole frame.
            choice: which of a detection model's boxes are looked at; as it shows them if None.
            allow_outside: with "labels", as for `open_dataset`.

        Raises:
            StreamdeqError: none of these, or this model looks at whole frames.
        """
        wanted = choice or Choice()
        said = boxes if isinstance(boxes, str) else None
        whole = boxes is None or said == "frame"
        if not whole and not self.task.joins:
            raise StreamdeqError(f"{self.spec.task} looks at whole frames; boxes are for poses and their like")
        if said == "labels":
            from streamdeq.data.label_boxes import label_boxes  # a whole room for one word

            boxes = FromTable(label_boxes(source, allow_outside))
        elif isinstance(boxes, str | os.PathLike) and not whole:
            boxes = read_boxes(boxes) if Path(boxes).suffix in BOX_FILES else self.finder(boxes)
        if isinstance(boxes, Model):
            return boxes._finder(wanted)
        if wanted != Choice():
            raise StreamdeqError("--conf, --classes and --track choose among a detector's boxes; --boxes names none")
        return None if whole else given_locator(boxes)

    def finder(self, boxes: Boxes) -> Boxes:
        """The detection model that `boxes` names, for the locators of several videos; what names none as it is."""
        if not isinstance(boxes, str | os.PathLike) or boxes in ("labels", "frame") or Path(boxes).suffix in BOX_FILES:
            return boxes
        found = load(boxes, self.functions.device.type, precision_of(self.functions.dtype))
        return found.gathered() if self._gathers else found

    def _finder(self, choice: Choice) -> Locator:
        """This model as what says where to look."""
        if not self.task.locates:
            name, task = self.spec.name, self.spec.task
            raise StreamdeqError(f"boxes: expected a detection model, got '{name}', which is for {task}")
        stream, choose = self.stream(), self.task.chooser(choice)
        return FromFunction(lambda image: choose(stream(image)))

    def begin(
        self,
        options: StreamOptions,
        locate: Locator | None = None,
        start_from: np.ndarray | None = None,
        engine: Engine | None = None,
    ) -> StreamState:
        """The state of a video that has not begun, for `step` or a `Stream`.

        Args:
            locate: says where to look in it.
            start_from: as in `stream`.
            engine: that its rows are to share with others; one of its own if None.
        """
        if locate is None and options.patience:
            raise StreamdeqError("--patience is for instances that may lose their box; give --boxes")
        if (start_from is None) == (options.start == StartFrom.OTHER):
            raise StreamdeqError(
                "the start 'other' and the picture to start from (--start-from) go together; give both"
            )
        if start_from is not None:
            check_image(start_from)
        regions = None if locate is None else Regions(locate, self.task.join, Follow(patience=options.patience))
        number, name = self.iterations(options), options.solver or self.spec.solver
        solver = make_solver(name, number)
        budget = options.budget(solver.evaluations(number))
        engine = engine or self.engine(solver, options.size, options.runtime)
        cuts = make_cut_policy(options.cuts, options.on_cut, options.cut_iterations)
        return StreamState(
            engine,
            self.spec.architecture,
            options,
            budget,
            engine.open(),
            budget.init(),
            cuts,
            cuts.detector.init(),
            reference=Reference.of(self.spec.reference_solve),
            after_cut=make_solver(name, number + cuts.response.extra),
            other=start_from,
            regions=regions,
        )

    @memory_errors()
    def step(
        self, frame: np.ndarray | Frame, state: StreamState, on_update: OnUpdate[R] | None = None
    ) -> tuple[R, StreamState]:
        """The functional core: (frame, state) → (result, state). The state given is consumed; `clone` it to keep it."""
        if not isinstance(frame, Frame):
            frame = Frame(frame, state.next_index, 0.0)
        check_image(frame.image)
        return advance(frame, state, on_update)

    def restore(self, saved: str | os.PathLike[str], boxes: Boxes = None, engine: Engine | None = None) -> StreamState:
        """A state written by `state.save`, on this model's device, to go on with as if nothing had happened.

        Args:
            boxes: see `locator`; for a stream that followed some. What a detector remembers is not in the file.
            engine: as in `begin`.
        """
        read = read_state(saved, self.spec.architecture, self.functions.device)
        # Only its first frame has a start of its own, and that has been.
        begun = replace(
            read.options, start=StartFrom.PREVIOUS if read.options.start == StartFrom.OTHER else read.options.start
        )
        state = self.begin(begun, self.locator(boxes), engine=engine)
        if (state.regions is None) != (read.followed is None):
            what = "whole frames; give no boxes" if read.followed is None else "boxes; say which with boxes="
            raise StreamdeqError(f"{saved} is the state of a stream that looks at {what}")
        rows = [state.engine.adopt(content, row) for row, content in read.rows]
        state = replace(state, value=read.value, seen=read.seen, next_index=read.next_index)
        if state.regions is None or read.followed is None:
            return replace(state, row=rows[0])
        of_track = {track.key: row for track, row in zip(read.followed.tracks, rows, strict=True)}
        return replace(state, regions=replace(state.regions, followed=read.followed, rows=of_track))

    def solve(
        self,
        image: Any,
        iterations: int = 20,
        solver: str | None = None,
        size: int | str | None = None,
    ) -> R:
        """The answer for one picture, (H, W, 3) uint8 RGB or of Pillow's, from zeros: the single-frame baseline."""
        with self.stream(iterations, solver=solver, start="zeros", size=size) as stream:
            result: Any = stream(image)
            return result.kept()

    def export(
        self,
        format_: str,
        folder: str | os.PathLike[str],
        *,
        frame_hw: tuple[int, int] = (360, 480),
        size: int | str | None = None,
        iterations: int | None = None,
        calibrate: str | os.PathLike[str] | Iterable[np.ndarray] | None = None,
        dynamic: bool = False,
    ) -> Described:
        """Files of inject, step, predict and of a whole frame, with a description beside them; see `docs/speed.md`.

        Args:
            format_: `onnx` and `openvino` run without torch; `aoti` is a library for torch, and needs a C++ compiler.
            frame_hw: of the video that it is for, in pixels.
            iterations: applications of f in the file of a whole frame; the model's own if None.
            calibrate: a video, or its pictures (H, W, 3) uint8 RGB, to write the files in int8 for (format `onnx`).
            dynamic: files for frames of any size; without, of another size or shape than `frame_hw` they get margins.

        Raises:
            StreamdeqError: no such format, or what writes it is not installed.
        """
        spec, head, weights = self.spec, self.task.head_values, self.task.decode_weights(self.functions.head)
        sizes, steps = Sizes.of(spec, size, self.task.least_strides), iterations or spec.iterations
        with ExitStack() as opened:
            if isinstance(calibrate, str | os.PathLike):
                video = opened.enter_context(open_source(calibrate))
                calibrate = (item.image for item in video if isinstance(item, Frame))
            where = Path(folder)
            return export(
                self.functions, spec, format_, where, frame_hw, sizes, steps, dynamic, head, weights, calibrate
            )

    @memory_errors()
    def encode(
        self, image: np.ndarray, iterations: int | None = None, size: int | str | None = None
    ) -> dict[str, Tensor]:
        """The representation of one picture, (H, W, 3) uint8 RGB, from zeros: as `Stream.latent` has it.

        Args:
            iterations: None for the reference, what the model solves a picture to when there is time.
        """
        start = StartFrom.REFERENCE if iterations is None else StartFrom.ZEROS
        with self.stream(iterations, start=start, size=size) as stream:
            stream.observe(image)
            while stream.iterate() is None:
                pass
            return stream.latent

    def draw(self, image: np.ndarray, result: Any, look: Look = USUAL) -> np.ndarray:
        """The frame with the answer on it, as a new array."""
        return drawn(self.task.draw, image, result, look)


def load(name_or_path: str | os.PathLike[str], device: str = "auto", precision: str = "auto") -> Model[Any]:
    """As `Model.load`."""
    return Model.load(name_or_path, device, precision)
