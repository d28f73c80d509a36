"""Executors that are files: each of the three functions exported for one canvas and one row, loaded, called row by row.

Row by row, because a graph of fixed sizes is the fastest and gives a row the same bits whatever its mates; what a
larger batch would save is small where nothing is spent between operations.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from streamdeq.latent import Latent
from streamdeq.models.cells import Injection
from streamdeq.runtime.executor import HW, Executor, Kind
from streamdeq.runtime.functions import Functions
from streamdeq.runtime.programs import PROGRAMS, Program, channels_last, outline, rows_first

#: One row's tensors of a program's inputs, contiguous, to those of its outputs.
Session = Callable[[Sequence[Tensor]], list[Tensor]]


class FileKind(Kind):
    """One file (and what lies beside it) per function."""

    suffix: str

    def missing(self, functions: Functions) -> str | None:
        if functions.device.type != "cpu":
            return "it computes on processors; use --device cpu"
        if functions.dtype == torch.float64:
            return "it has no float64; use eager"
        return self.lacks()

    @abstractmethod
    def lacks(self) -> str | None:
        """What of it is not installed, and how to get it; None if all is there."""

    @abstractmethod
    def write(self, program: Program, path: Path) -> None:
        """Export one program."""

    @abstractmethod
    def open(self, path: Path, program: Program) -> Session:
        """What `write` wrote, for as many threads as torch has now."""

    def arithmetic(self, functions: Functions) -> Functions:
        """What is exported: plain float32, to which the runtime itself gives the precision."""
        return functions.converted(torch.float32)

    def prepare(self, functions: Functions, canvas_hw: HW, folder: Path) -> None:
        exact = self.arithmetic(functions)
        with torch.no_grad():
            for kind in PROGRAMS:
                self.write(kind(exact, canvas_hw).eval(), folder / f"{kind.name}{self.suffix}")

    def load(self, functions: Functions, canvas_hw: HW, folder: Path) -> Executor:
        programs = [kind(functions, canvas_hw) for kind in PROGRAMS]
        sessions = [self.open(folder / f"{program.name}{self.suffix}", program) for program in programs]
        return RowByRow(functions, outline(functions, canvas_hw), *sessions)


@dataclass(frozen=True, eq=False)
class RowByRow(Executor):
    """Functions that take one row at a time.

    Args:
        functions: what they are the functions of.
        like: outputs of its head, whose structure and types these outputs have.
    """

    functions: Functions
    like: Any
    injecting: Session
    stepping: Session
    predicting: Session

    def inject(self, pictures: Tensor, canvas_hw: HW) -> Injection:
        h, w = pictures.shape[2:]
        canvas = torch.zeros(len(pictures), *canvas_hw, 3, dtype=torch.uint8)
        canvas[:, :h, :w] = channels_last(pictures)
        content = torch.tensor((h, w))
        maps = _joined([self.injecting([canvas[n : n + 1], content]) for n in range(len(canvas))])
        arch = self.functions.network.backbone.arch
        return (*map(rows_first, maps), *(None,) * (len(arch.channels) - arch.injected))

    def step(self, z: Latent, injection: Injection) -> Latent:
        given = self._given([*z.maps, *(m for m in injection if m is not None)])
        rows = [self.stepping([m[n : n + 1] for m in given]) for n in range(z.rows)]
        return Latent(tuple(map(rows_first, _joined(rows))))

    def predict(self, z: Latent) -> Any:
        given = self._given(z.maps)
        outputs = _joined([self.predicting([m[n : n + 1] for m in given]) for n in range(z.rows)])
        leaves, structure = pytree.tree_flatten(self.like)
        own = [rows_first(m) if m.ndim == 4 else m for m in outputs]
        return pytree.tree_unflatten([m.to(leaf.dtype) for m, leaf in zip(own, leaves, strict=True)], structure)

    def _given(self, maps: Sequence[Tensor]) -> list[Tensor]:
        return [channels_last(m).to(self.functions.latent_dtype).contiguous() for m in maps]


def _joined(rows: list[list[Tensor]]) -> list[Tensor]:
    return rows[0] if len(rows) == 1 else [torch.cat(maps) for maps in zip(*rows, strict=True)]
