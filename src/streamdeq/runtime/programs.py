"""The three functions as modules from tensors to tensors, of one canvas size: what is exported or compiled.

Pictures are (B, H, W, 3) uint8 and fill the canvas, `content_hw` (2,) says how much of it they cover from the top left,
maps are (B, h, w, C): as torch keeps channels-last tensors in memory, so that nothing is copied on the way in and out.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.utils import _pytree as pytree

from streamdeq.latent import Latent
from streamdeq.models.cells import Injection
from streamdeq.runtime.functions import Functions

HW = tuple[int, int]


class Program(nn.Module, ABC):
    """A function with named tensors as inputs and outputs.

    Attributes:
        inputs, outputs: their names, in order.
        example: inputs of one row, zeros.
        least: as a file it takes canvases of all sides from so many strides on; 0: of the example's alone.
    """

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    example: tuple[Tensor, ...]
    least: int = 0

    def __init__(self, functions: Functions, canvas_hw: HW) -> None:
        super().__init__()
        self.functions = functions
        self.network = functions.network
        arch = functions.network.backbone.arch
        shapes = arch.shapes(canvas_hw)
        self.scales, self.injected = len(shapes), arch.injected
        self.z_names = tuple(f"z_{i}" for i in range(self.scales))
        self.next_names = tuple(f"next_{i}" for i in range(self.scales))
        self.injection_names = tuple(f"injection_{i}" for i in range(self.injected))
        # Each a tensor of its own: of one that is given twice, an export keeps one.
        self.maps, injections = (
            tuple(torch.zeros(1, h, w, c, dtype=functions.latent_dtype) for c, h, w in shapes) for _ in range(2)
        )
        self.injections = injections[: self.injected]
        self.pictures = torch.zeros(1, *canvas_hw, 3, dtype=torch.uint8), torch.tensor(canvas_hw)

    @abstractmethod
    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]: ...

    def exported(self) -> ExportedProgram:
        """Its graph, for the example's sizes or for all from `least` on."""
        if not self.least:
            return torch.export.export(self, self.example)
        stride = self.network.backbone.arch.stride
        units = Dim("rows", min=self.least), Dim("columns", min=self.least)  # of a canvas, in strides
        canvas = self.maps[0].shape[1] * 4
        per_unit = [tensor.shape[1] * stride // canvas if tensor.ndim == 4 else 0 for tensor in self.example]
        sides = [{1: _times(n, units[0]), 2: _times(n, units[1])} if n else {} for n in per_unit]
        return torch.export.export(self, self.example, dynamic_shapes=(tuple(sides),))

    def _inject(self, pictures: Tensor, content_hw: Tensor) -> tuple[Tensor, ...]:
        x = self.functions.normalised(rows_first(pictures))
        inside = [torch.arange(side) < content_hw[n] for n, side in enumerate(x.shape[2:])]
        x = x * (inside[0][:, None] & inside[1][None]).to(x.dtype)
        injection = self.network.backbone.inject(x.to(self.functions.dtype))
        return tuple(self._out(m) for m in injection if m is not None)

    def _step(self, z: Sequence[Tensor], injection: Sequence[Tensor]) -> tuple[Tensor, ...]:
        given: Injection = (*map(self._in, injection), *(None,) * (self.scales - self.injected))
        return tuple(map(self._out, self.network.backbone.bind(given)(Latent(tuple(map(self._in, z)))).maps))

    def _predict(self, z: Sequence[Tensor]) -> tuple[Tensor, ...]:
        return tuple(map(self._out, pytree.tree_leaves(self.network.head(Latent(tuple(map(self._in, z)))))))

    def _in(self, m: Tensor) -> Tensor:
        return rows_first(m).to(self.functions.dtype)

    def _out(self, m: Tensor) -> Tensor:
        return (channels_last(m) if m.ndim == 4 else m).to(self.functions.latent_dtype)


class Inject(Program):
    """(pictures, content_hw) → the maps of the scales that get something."""

    name = "inject"

    def __init__(self, functions: Functions, canvas_hw: HW) -> None:
        super().__init__(functions, canvas_hw)
        self.inputs, self.outputs = ("pictures", "content_hw"), self.injection_names
        self.example = self.pictures

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        return self._inject(*tensors)


class Step(Program):
    """(z of every scale, injection) → f(z)."""

    name = "step"

    def __init__(self, functions: Functions, canvas_hw: HW) -> None:
        super().__init__(functions, canvas_hw)
        self.inputs, self.outputs = (*self.z_names, *self.injection_names), self.next_names
        self.example = (*self.maps, *self.injections)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        return self._step(tensors[: self.scales], tensors[self.scales :])


class Predict(Program):
    """z of every scale → the head's outputs, in the order of their pytree."""

    name = "predict"

    def __init__(self, functions: Functions, canvas_hw: HW) -> None:
        super().__init__(functions, canvas_hw)
        self.inputs, self.example = self.z_names, self.maps
        self.outputs = tuple(f"output_{i}" for i in range(len(pytree.tree_leaves(outline(functions, canvas_hw)))))

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        return self._predict(tensors)


class Frame(Program):
    """(pictures, content_hw, z of every scale) → (z after some steps, the head's outputs): a whole frame."""

    name = "frame"

    def __init__(self, functions: Functions, canvas_hw: HW, steps: int) -> None:
        super().__init__(functions, canvas_hw)
        self.steps = steps
        self.inputs = ("pictures", "content_hw", *self.z_names)
        self.outputs = (*self.next_names, *Predict(functions, canvas_hw).outputs)
        self.example = (*self.pictures, *self.maps)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        injection = self._inject(*tensors[:2])
        z = tensors[2:]
        for _ in range(self.steps):
            z = self._step(z, injection)
        return (*z, *self._predict(z))


PROGRAMS: tuple[type[Program], ...] = (Inject, Step, Predict)


def _times(n: int, unit: Dim) -> Dim:
    return n * unit if n > 1 else unit


def outline(functions: Functions, canvas_hw: HW) -> Any:
    """The head's outputs for a latent of zeros: how many there are, and of what type."""
    shapes = functions.network.backbone.arch.shapes(canvas_hw)
    return functions.predict(Latent.zeros(shapes, 1, torch.zeros(0, dtype=functions.latent_dtype)))


def rows_first(m: Tensor) -> Tensor:
    """(B, h, w, C) → (B, C, h, w), a view."""
    return m.permute(0, 3, 1, 2)


def channels_last(m: Tensor) -> Tensor:
    """(B, C, h, w) → (B, h, w, C), a view."""
    return m.permute(0, 2, 3, 1)
