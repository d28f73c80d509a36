"""What the rest of the program asks of a task."""

import io
import math
import os
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar, Self

import numpy as np
from PIL import Image
from torch import nn

from streamdeq.codec import from_plain, to_plain
from streamdeq.data.base import Dataset
from streamdeq.data.sampling import SampleRecipe
from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path
from streamdeq.models.spec import ModelSpec
from streamdeq.registry import Registry
from streamdeq.tasks.objective import Objective
from streamdeq.tasks.tables import csv_of, frame_of
from streamdeq.values.choice import Choice
from streamdeq.values.geometry import Geometry
from streamdeq.values.look import USUAL, Look
from streamdeq.values.picture import Picture
from streamdeq.values.status import Start, Status


@dataclass(frozen=True, kw_only=True, repr=False)
class Result(ABC):
    """A task's answer for one frame. Instances first; `status` says which frame it reflects and how it came about.

    Args:
        picture: the frame, as long as somebody holds it; None where nobody said which (an evaluation, a server).
    """

    status: Status
    picture: Picture | None = field(default=None, compare=False)

    @abstractmethod
    def change_from(self, before: Any) -> float:
        """How much of the answer differs from an earlier one for the same frame, 0–1."""

    #: Of `rows`.
    COLUMNS: ClassVar[tuple[str, ...]] = ()

    def rows(self) -> list[dict[str, Any]]:
        """The answer as a table: what is found, a row each, by the names of `COLUMNS`."""
        return []

    def summary(self) -> str:
        """What is found, in a few words."""
        return "an answer"

    def plot(self, look: Look = USUAL) -> np.ndarray:
        """The frame with the answer drawn on it, (H, W, 3) uint8 RGB, as a new array.

        Raises:
            StreamdeqError: the frame is gone: see `kept`.
        """
        shown = self._shown
        return drawn(shown.draw, shown.image, self, look)

    def save(self, path: str | os.PathLike[str], look: Look = USUAL) -> None:
        """`plot` as a picture file, whole or not at all; the name's end says of which kind.

        Raises:
            StreamdeqError: the frame is gone, or no such kind.
        """
        kind = Image.registered_extensions().get(Path(path).suffix.lower())
        if kind is None:
            raise StreamdeqError(f"cannot write {path}: expected a picture's name, as drawn.png or drawn.jpg")
        with atomic_path(path) as part:
            Image.fromarray(self.plot(look)).save(part, format=kind)

    def show(self, look: Look = USUAL) -> None:
        """`plot` in a window of the system's."""
        Image.fromarray(self.plot(look)).show()

    def kept(self) -> Self:
        """The same answer, which holds its frame in memory.

        Raises:
            StreamdeqError: the frame is gone.
        """
        return replace(self, picture=self._shown.kept())

    def to_csv(self) -> str:
        """`rows` with a heading."""
        return csv_of(self.rows(), self.COLUMNS)

    def to_pandas(self) -> Any:
        """`rows` as a `pandas.DataFrame`.

        Raises:
            StreamdeqError: pandas is not installed.
        """
        return frame_of(self.rows(), self.COLUMNS)

    @property
    def _shown(self) -> Picture:
        if self.picture is None:
            raise StreamdeqError("this answer came without its frame: draw by model.draw(image, result)")
        return self.picture

    def __repr__(self) -> str:
        status = self.status
        return (
            f"<{type(self).__name__} of frame {status.frame_index}: {self.summary()}; {status.iterations} iterations>"
        )

    def _repr_png_(self) -> bytes | None:
        """For a notebook; None, and the text is shown, where the frame is gone."""
        try:
            picture = self.plot()
        except StreamdeqError:
            return None
        data = io.BytesIO()
        Image.fromarray(picture).save(data, format="PNG")
        return data.getvalue()


def drawn(draw: Callable[..., np.ndarray], image: np.ndarray, result: Any, look: Look) -> np.ndarray:
    """By a task's `draw`; one that knows no look is told of none that is usual."""
    return draw(image, result) if look == USUAL else draw(image, result, look)


def counted(names: Sequence[str]) -> str:
    """`2 person, 1 car`, or `nothing`."""
    return ", ".join(f"{count} {name}" for name, count in Counter(names).most_common()) or "nothing"


def check_array(name: str, array: np.ndarray, shape: tuple[int | str, ...], dtype: type) -> None:
    """Raise ValueError unless a result's array is of this shape, a text for a length that may be any, and type."""
    fits = len(shape) == array.ndim and all(
        isinstance(wanted, str) or wanted == got for wanted, got in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype != dtype:
        lengths = ", ".join(map(str, shape)) + "," * (len(shape) == 1)
        raise ValueError(f"{name} must be ({lengths}) {np.dtype(dtype)}; got {array.shape} {array.dtype}")


#: Of a label that is drawn as if it were an answer.
TRUTH = Status(0, 0.0, 0, 0, math.nan, Start.COLD)


@dataclass(frozen=True)
class Confusion:
    """What was taken for what.

    Args:
        counts: (rows, columns) how many of each row's class were answered as each column's.
        rows, columns: their names; beyond the classes stands what is none, as a miss.
        unit: what is counted.
    """

    counts: np.ndarray
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    unit: str


class Metric(ABC):
    """Accumulates over a whole split; one confusion matrix, one list of boxes, never a mean of means.

    `name` is the figure that stands for the task, a key of what `compute` returns; figures are in points 0–100, but for
    those whose names end in ` px`, which are in pixels. `errors` names the figures of which less is better.
    """

    name: str
    errors: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def update(self, result: Any, target: Any) -> None:
        """Add a frame's answer and its label."""

    @abstractmethod
    def merge(self, other: Any) -> None:
        """Add what another accumulator of the same kind counted."""

    @abstractmethod
    def compute(self) -> dict[str, float]:
        """Every figure by name; NaN where nothing was counted."""

    def confusion(self) -> Confusion | None:
        """None for a task without classes to confuse."""
        return None

    def precision_recall(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Recall and precision, 0–1, along the scores, for each class that occurs; empty where answers have none."""
        return {}

    def figure(self, name: str) -> float:
        """That of what `compute` gives, to the bit, without the rest; NaN where it gives none of that name."""
        return self.compute().get(name, math.nan)


class Task(ABC):
    """One folder's worth of knowledge: a head, how its outputs become an answer, how that is scored and drawn.

    `locates`: whether a result has `boxes_xyxy`, where another model may look.
    `joins`: whether it answers about windows of a frame, one per instance, and joins the answers.
    `writes` is what a run can write of it: `video`, `jsonl`, `png` (label maps where a result has them, else the frame
    as drawn) and `csv` of every task; `mot`, `yolo` and `coco` where a result has `to_mot()`, `to_yolo()`, `to_coco()`.
    `label_maps`: whether a result has `labels`, a label map.
    `head_settings`: the dataclass of what its head leaves open to a recipe; None where that is nothing.
    `class_rows`: the head's tensors whose rows belong to classes, by name: how many rows each class has, and how many
    come before the first one's.
    `least_strides`: how many strides a canvas's sides have at the least for an export that takes any.
    `counts_early`: whether its protocol scores a frame at an offset that its clip begins too late for, after all the
    frames there are, or leaves it out at every offset.
    """

    locates: ClassVar[bool] = False
    joins: ClassVar[bool] = False
    writes: ClassVar[tuple[str, ...]] = ("video", "jsonl", "png", "csv")
    label_maps: ClassVar[bool] = False
    head_settings: ClassVar[type | None] = None
    least_strides: ClassVar[int] = 1
    counts_early: ClassVar[bool] = False
    class_rows: ClassVar[Mapping[str, tuple[int, int]]] = MappingProxyType({})

    def __init__(self, spec: ModelSpec) -> None:
        self.spec = spec

    @abstractmethod
    def build_head(self) -> nn.Module:
        """A fresh head for the spec's widths and classes: a module from Latent to a pytree of tensors, rows first.

        It has `losses(z, targets)`, a dict of scalars, and `fold()`, which bakes BatchNorm into convolutions in place.
        """

    @abstractmethod
    def decode(self, outputs: Any, geometry: Geometry, status: Status, head: nn.Module) -> Result:
        """One row's outputs (batch axis of length 1) → the answer in the frame's own pixels.

        Args:
            head: that made the outputs, for what follows them and has weights too (a detector's second stage).
        """

    @property
    def head_values(self) -> dict[str, Any]:
        """What the head leaves open, defaults included, as JSON values."""
        return {} if self.head_settings is None else to_plain(from_plain(self.head_settings, dict(self.spec.head)))

    def decode_weights(self, head: nn.Module) -> dict[str, np.ndarray]:
        """The weights that `decode` reads of the head, for a runtime without torch; none for most tasks."""
        return {}

    def join(self, parts: Sequence[Any], ids: Sequence[int], frame_hw: tuple[int, int], status: Status) -> Result:
        """The answers about several windows of one frame, perhaps none, as the answer about the frame.

        Raises:
            StreamdeqError: the task looks at whole frames only.
        """
        raise StreamdeqError(f"{self.spec.task} looks at whole frames; boxes are for a task that looks at instances")

    @abstractmethod
    def objective(self, recipe: SampleRecipe, dataset: Dataset) -> Objective:
        """What a network is trained on and for, on a training split.

        Raises:
            StreamdeqError: the recipe has settings that the task has no use for, or the split nothing to train on.
        """

    @abstractmethod
    def metric(self) -> Metric:
        """A fresh accumulator."""

    def chooser(self, choice: Choice) -> Callable[[Any], Any]:
        """From answer to answer as the user wants them, for the frames of one video in order; fresh for each video.

        Raises:
            StreamdeqError: the task's answers have nothing of the kind to choose.
        """
        if choice != Choice():
            what = f"{self.spec.task} has none"
            raise StreamdeqError(f"--conf, --classes and --track choose among detected instances; {what}")
        return lambda result: result

    def coco_categories(self) -> list[dict[str, Any]]:
        """The classes as COCO lists them; `to_coco` numbers them so."""
        return [{"id": n, "name": name} for n, name in enumerate(self.spec.classes, start=1)]

    @abstractmethod
    def draw(self, image: np.ndarray, result: Any, look: Look = USUAL) -> np.ndarray:
        """The frame (H, W, 3) uint8 RGB with the answer on it, as a new array."""

    def draw_label(self, image: np.ndarray, target: Any) -> np.ndarray | None:
        """The frame with what is labelled in it, drawn as an answer is; None for a task that cannot."""
        return None

    @abstractmethod
    def record(self, result: Any) -> dict[str, Any]:
        """What of the answer goes into a line of JSON."""


TASKS: Registry[type[Task]] = Registry("task")
