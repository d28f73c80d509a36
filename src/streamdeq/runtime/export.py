"""A model as files that other programs run: inject, step, predict and a whole frame, with a description beside them."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from streamdeq.codec import to_plain
from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path, ensure_folder
from streamdeq.models.spec import ModelSpec
from streamdeq.registry import unknown
from streamdeq.runtime.files import FileKind
from streamdeq.runtime.functions import Functions
from streamdeq.runtime.kinds import EXECUTORS
from streamdeq.runtime.programs import PROGRAMS, Frame, Program
from streamdeq.runtime.quantised import check_quantisable, quantise
from streamdeq.values.geometry import HW, Geometry
from streamdeq.version import __version__

#: By the name of a format, the executor whose files they are.
FORMATS = {"onnx": "onnx", "openvino": "openvino", "aoti": "compiled"}
DESCRIPTION, WEIGHTS = "description.json", "decode.npz"


@dataclass(frozen=True)
class Port:
    """A named tensor."""

    name: str
    shape: tuple[int, ...]
    dtype: str


@dataclass(frozen=True)
class File:
    """A function: its file, what goes in, what comes out, in order."""

    file: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


@dataclass(frozen=True)
class Sizes:
    """How files that take any canvas are given a frame: scaled so that its shorter side is `shorter_side` (None: as it
    is) and the longer one at most `longest`, on a canvas whose sides are the next multiples of `stride`, `least` pixels
    at the least."""

    shorter_side: int | None
    longest: int | None
    stride: int
    least: int

    @staticmethod
    def of(spec: ModelSpec, size: int | str | None, least_strides: int) -> "Sizes":
        """The model's own, or those that another working size makes: a shorter side, or `native`."""
        stride = spec.architecture.stride
        if size is None:
            return Sizes(spec.size, spec.longest, stride, least_strides * stride)
        return Sizes(size if isinstance(size, int) else None, None, stride, least_strides * stride)

    def fitted(self, frame_hw: HW, dynamic: bool) -> Geometry:
        """Where a frame lies on the canvas that the files are made with."""
        geometry = Geometry.fit(frame_hw, self.shorter_side, self.stride, longest=self.longest)
        if not dynamic:
            return geometry
        # A side of one stride would make files where it always is one.
        h, w = (max(side, 2 * self.stride, self.least) for side in geometry.canvas_hw)
        return replace(geometry, canvas_hw=(h, w))


@dataclass(frozen=True)
class Described:
    """All that a program needs to run the folder without this one.

    A picture is RGB, (1, H, W, 3) uint8, as large as the canvas; `content_hw` says how much of it, from the top left,
    is picture. Normalisation is inside. Maps are (1, h, w, C) float32. A video starts from zeros, each frame from the
    `next` of the one before.

    Args:
        frame_hw: of the video; it is scaled to `content_hw` (bilinear, antialiased) and put on the canvas.
        steps: applications of f in the file `frame`.
        precision: of the files' weights; `int8` of the convolutions' weights and activations, the rest in fp32.
        head: settings of the task's head, defaults included.
        decode_weights: a file of arrays (`.npz`) that what follows `predict` needs (a detector's second stage).
        sizes: None where the files take this canvas alone. Otherwise the shapes of pictures and maps are those of this
            one: their sides have the same share of any other.
    """

    format: str
    streamdeq: str
    name: str
    task: str
    classes: tuple[str, ...]
    palette: tuple[tuple[int, ...], ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    frame_hw: HW
    content_hw: HW
    canvas_hw: HW
    steps: int
    precision: str
    head: dict[str, Any]
    licence: str
    decode_weights: str | None
    functions: dict[str, File]
    sizes: Sizes | None = None


def export(
    functions: Functions,
    spec: ModelSpec,
    format_: str,
    folder: Path,
    frame_hw: HW,
    sizes: Sizes,
    steps: int,
    dynamic: bool = False,
    head: dict[str, Any] | None = None,
    decode_weights: dict[str, np.ndarray] | None = None,
    calibrate: Iterable[np.ndarray] | None = None,
) -> Described:
    """Write everything; what of it exists already is replaced.

    Args:
        frame_hw: of the video to export for.
        sizes: how it comes to its canvas.
        dynamic: for videos of other shapes too.
        head, decode_weights: what the task says of its head: `Task.head_values`, `Task.decode_weights`.
        calibrate: pictures of a video, (H, W, 3) uint8 RGB, to write the files in int8 for (`quantised`).

    Raises:
        StreamdeqError: no such format, or what writes it is not here.
    """
    kind = _kind(format_, functions)
    if calibrate is not None:
        check_quantisable(format_)
    ensure_folder(folder)
    geometry = sizes.fitted(frame_hw, dynamic)
    made = kind.arithmetic(functions)
    programs = (*(one(made, geometry.canvas_hw) for one in PROGRAMS), Frame(made, geometry.canvas_hw, steps))
    files = {one.name: _written(one, kind, folder, sizes.least // sizes.stride * dynamic) for one in programs}
    if decode_weights:
        with atomic_path(folder / WEIGHTS) as part:
            np.savez(part, **decode_weights)  # type: ignore[arg-type]  # numpy takes the arrays' names as keywords
    described = Described(
        format_,
        __version__,
        spec.name,
        spec.task,
        spec.classes,
        spec.palette,
        spec.mean,
        spec.std,
        geometry.frame_hw,
        geometry.content_hw,
        geometry.canvas_hw,
        steps,
        "fp32",
        head or spec.head,
        spec.provenance.licence,
        WEIGHTS if decode_weights else None,
        files,
        sizes if dynamic else None,
    )
    _write(described, folder)
    return described if calibrate is None else _in_int8(described, folder, calibrate)


@torch.no_grad()
def _written(program: Program, kind: FileKind, folder: Path, least: int) -> File:
    """One function's file; `least`: `Program.least`."""
    path = folder / f"{program.name}{kind.suffix}"
    program.least = least
    kind.write(program.eval(), path)
    outputs = _ports(program.outputs, program(*program.example))
    return File(path.name, _ports(program.inputs, program.example), outputs)


def _in_int8(described: Described, folder: Path, pictures: Iterable[np.ndarray]) -> Described:
    quantise(folder, pictures)
    _write(described := replace(described, precision="int8"), folder)
    return described


def _kind(format_: str, functions: Functions) -> FileKind:
    if format_ not in FORMATS:
        raise StreamdeqError(unknown("format", format_, list(FORMATS)))
    kind = EXECUTORS[FORMATS[format_]]
    assert isinstance(kind, FileKind)
    if why := kind.missing(functions):
        raise StreamdeqError(f"cannot export to {format_}: {why}")
    return kind


def _write(described: Described, folder: Path) -> None:
    with atomic_path(folder / DESCRIPTION) as part:
        part.write_text(json.dumps(to_plain(described), indent=2), encoding="utf-8")


def _ports(names: tuple[str, ...], tensors: tuple[Tensor, ...]) -> tuple[Port, ...]:
    pairs = zip(names, tensors, strict=True)
    return tuple(Port(name, tuple(t.shape), str(t.dtype).removeprefix("torch.")) for name, t in pairs)
