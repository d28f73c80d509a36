"""Where the solve of a frame begins: zeros, the previous answer, or a reference (Eq. 4 to 6 of the paper).

A *reference* is what a model solves a frame to when there is time: by its own solver, from zeros, for as long as its
description says. It has solver memory of its own size, whatever a frame's budget is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from streamdeq.models.spec import ReferenceSolve
from streamdeq.solvers import Solver, make_solver
from streamdeq.streaming.engine import Engine, Row, status_of
from streamdeq.streaming.loop import OnStep, run_steps
from streamdeq.streaming.options import StartFrom
from streamdeq.values.frame import Frame
from streamdeq.values.geometry import HW, Window
from streamdeq.values.status import Start

#: Called after every step with the number of rows that took it.
OnRows = Callable[[int], None]


@dataclass(frozen=True)
class Reference:
    """A solver with memory for a whole solve, and the applications of `f` of that."""

    solver: Solver
    evaluations: int

    @staticmethod
    def of(described: ReferenceSolve) -> "Reference":
        solver = make_solver(described.solver, described.iterations)
        return Reference(solver, solver.evaluations(described.iterations))

    def solve(self, engine: Engine, rows: Sequence[Row], on_rows: OnRows = lambda rows: None) -> None:
        """The frames that the rows have, from zeros."""
        for row in rows:
            engine.restart(row, self.solver)
        run_steps(engine, rows, self.evaluations, read=(), on_step=_told(on_rows, rows))

    def solved(self, row: Row) -> bool:
        """Whether the row's frame has been solved to it."""
        by_it = row.pool is not None and row.pool.solver is self.solver
        return by_it and row.evaluations >= self.evaluations


@dataclass(frozen=True)
class Begin:
    """How the frames of a stream begin.

    With `previous` and `zeros` as they say. With `reference` (Eq. 5) a frame without a previous answer is solved to the
    reference. With `reference-each` (Eq. 4) such a frame is too, and every other one begins from the reference of the
    frame before, which is solved when its answer has long been read. With `other` (Figs 21, 22) a stream begins as if
    another picture, solved to the reference, had been the frame before its first.
    """

    start: StartFrom
    reference: Reference

    def observe(
        self,
        engine: Engine,
        rows: Sequence[Row],
        frames: Sequence[Frame],
        *,
        windows: Sequence[Window] | None = None,
        others: Sequence[np.ndarray | None] = (),
        on_rows: OnRows = lambda rows: None,
    ) -> list[Row]:
        """New frames for the rows, as `Engine.observe`.

        Args:
            others: for each row the picture that came before its first frame; None where this is not its first.
            on_rows: told of the steps that are taken here.

        Returns:
            The rows whose frame is to be solved to the reference: `reference.evaluations` steps are theirs.
        """
        if self.start == StartFrom.REFERENCE_EACH:
            known = [row for row in rows if row.pool and not row.forgets and not self.reference.solved(row)]
            self.reference.solve(engine, known, on_rows)
        came = [(n, image) for n, image in enumerate(others) if image is not None]
        if came:
            first = [rows[n] for n, _ in came]
            before = [Frame(fitted(image, frames[n].image.shape[:2]), 0, 0.0) for n, image in came]
            seen = windows and [windows[n] for n, _ in came]
            engine.observe(first, before, windows=seen, keep=False)
            self.reference.solve(engine, first, on_rows)
        engine.observe(rows, frames, windows=windows, keep=self.start != StartFrom.ZEROS)
        if self.start not in (StartFrom.REFERENCE, StartFrom.REFERENCE_EACH):
            return []
        cold = [row for row in rows if status_of(row).start is Start.COLD]
        for row in cold:
            engine.restart(row, self.reference.solver)
        return cold

    def run(
        self,
        engine: Engine,
        rows: Sequence[Row],
        frames: Sequence[Frame],
        evaluations: int,
        *,
        others: Sequence[np.ndarray | None] = (),
        read: Sequence[Row] | None = None,
        on_rows: OnRows = lambda rows: None,
    ) -> list[Any]:
        """One frame for each row, as `loop.run_frames`; `others` as in `observe`."""
        long = self.observe(engine, rows, frames, others=others, on_rows=on_rows)
        run_steps(engine, long, self.reference.evaluations, read=(), on_step=_told(on_rows, long))
        rest = [row for row in rows if not any(row is one for one in long)]
        run_steps(engine, rest, evaluations, read=(), on_step=_told(on_rows, rest))
        return run_steps(engine, rows, 0, read=read)


def _told(on_rows: OnRows, rows: Sequence[Row]) -> OnStep:
    return lambda step: on_rows(len(rows))


def fitted(image: np.ndarray, hw: HW) -> np.ndarray:
    """The middle of a picture (H, W, 3) uint8, as much as has the proportions of `hw`, scaled to it."""
    height, width = image.shape[:2]
    if (height, width) == tuple(hw):
        return image
    part = min(height, round(width * hw[0] / hw[1])), min(width, round(height * hw[1] / hw[0]))
    top, left = (height - part[0]) // 2, (width - part[1]) // 2
    middle = np.ascontiguousarray(image[top : top + part[0], left : left + part[1]])
    scaled = F.interpolate(
        torch.from_numpy(middle).permute(2, 0, 1)[None], size=list(hw), mode="bilinear", antialias=True
    )
    return scaled[0].permute(1, 2, 0).contiguous().numpy()
