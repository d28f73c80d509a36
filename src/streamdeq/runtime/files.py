"""Executors that are files: each of the three functions exported for one canvas and one row, loaded, called row by row.

Row by row, because a graph of fixed sizes is the fastest and gives a row the same bits whatever its mates; what a
larger batch would save is small where nothing is spent between operations. Several rows may be computed at the same
time, each by a thread (`spread`).
"""

import json
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from streamdeq.latent import Latent
from streamdeq.models.cells import Injection
from streamdeq.runtime.executor import HW, Executor
from streamdeq.runtime.functions import Functions
from streamdeq.runtime.kinds import Kind
from streamdeq.runtime.programs import PROGRAMS, Program, channels_last, outline, rows_first
from streamdeq.runtime.spread import Rows, Session, Spread, least_rows

#: From how many rows on each function computes them on a thread each, in the folder of what was prepared.
LEAST = "rows.json"


class FileKind(Kind):
    """One file (and what lies beside it) per function.

    `own_threads`: as its executors say.
    """

    suffix: str
    own_threads: ClassVar[bool] = True

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

    @abstractmethod
    def open_spread(self, path: Path, program: Program, threads: int) -> Spread | None:
        """The same for rows on so many threads, one for each; None if it cannot do that."""

    def arithmetic(self, functions: Functions) -> Functions:
        """What is exported: plain float32, to which the runtime itself gives the precision."""
        return functions.converted(torch.float32)

    def prepare(self, functions: Functions, canvas_hw: HW, folder: Path) -> None:
        exact = self.arithmetic(functions)
        with torch.no_grad():
            for kind in PROGRAMS:
                self.write(kind(exact, canvas_hw).eval(), folder / f"{kind.name}{self.suffix}")
        least = {kind.name: self._least(folder, kind(functions, canvas_hw)) for kind in PROGRAMS}
        (folder / LEAST).write_text(json.dumps(least), encoding="utf-8")

    def load(self, functions: Functions, canvas_hw: HW, folder: Path) -> Executor:
        least = json.loads((folder / LEAST).read_text(encoding="utf-8"))
        inject, step, predict = (self._rows(folder, kind(functions, canvas_hw), least[kind.name]) for kind in PROGRAMS)
        return RowByRow(functions, outline(functions, canvas_hw), inject, step, predict, self.own_threads)

    def _rows(self, folder: Path, program: Program, least: int) -> Rows:
        path, threads = folder / f"{program.name}{self.suffix}", program.functions.threads
        return Rows(self.open(path, program), partial(self._spread, path, program, threads), threads, least)

    def _spread(self, path: Path, program: Program, threads: int) -> Spread:
        spread = self.open_spread(path, program, threads)
        assert spread is not None
        return spread

    def _least(self, folder: Path, program: Program) -> int:
        path, threads = folder / f"{program.name}{self.suffix}", program.functions.threads
        spread = self.open_spread(path, program, threads) if threads > 1 else None
        return least_rows(self.open(path, program), spread, program, threads) if spread else 0


@dataclass(frozen=True, eq=False)
class RowByRow(Executor):
    """Functions whose rows have nothing to do with one another.

    Args:
        functions: what they are the functions of.
        like: outputs of its head, whose structure and types these outputs have.
        own_threads: whether those who compute the rows are no threads of torch's.
    """

    functions: Functions
    like: Any
    injecting: Rows
    stepping: Rows
    predicting: Rows
    own_threads: bool

    def inject(self, pictures: Tensor, canvas_hw: HW) -> Injection:
        h, w = pictures.shape[2:]
        canvas = channels_last(pictures).contiguous()
        if (h, w) != tuple(canvas_hw):
            canvas = torch.zeros(len(pictures), *canvas_hw, 3, dtype=torch.uint8)
            canvas[:, :h, :w] = channels_last(pictures)
        content = torch.tensor((h, w))
        maps = self.injecting([(canvas[n : n + 1], content) for n in range(len(canvas))])
        arch = self.functions.network.backbone.arch
        return (*map(rows_first, maps), *(None,) * (len(arch.channels) - arch.injected))

    def step(self, z: Latent, injection: Injection) -> Latent:
        return Latent(tuple(map(rows_first, self.stepping(self._given([*z.maps, *injection])))))

    def predict(self, z: Latent) -> Any:
        outputs = self.predicting(self._given(z.maps))
        leaves, structure = pytree.tree_flatten(self.like)
        own = [rows_first(m) if m.ndim == 4 else m for m in outputs]
        return pytree.tree_unflatten([m.to(leaf.dtype) for m, leaf in zip(own, leaves, strict=True)], structure)

    def _given(self, maps: Sequence[Tensor | None]) -> list[list[Tensor]]:
        """By row."""
        own = [channels_last(m).to(self.functions.latent_dtype).contiguous() for m in maps if m is not None]
        return [[m[n : n + 1] for m in own] for n in range(len(own[0]))]
