"""The three verbs that streaming is: observe, iterate, read, for one video or for hundreds.

The engine owns rows (one per stream or region) and batches whatever rows it is given; who calls `iterate` how often is
a budget's business. No result depends on which other rows are in a batch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from time import perf_counter
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.models.cells import Injection
from streamdeq.solvers import Solver, SolverState, SolverStatus, Spent
from streamdeq.streaming.batches import apart, change_of, copied, frame_hw, rows_of, scaled
from streamdeq.streaming.carry import MOVED, Carry
from streamdeq.streaming.output import Output
from streamdeq.streaming.rows import Pool, Slots, read_of, state_of
from streamdeq.values.frame import Frame
from streamdeq.values.geometry import HW, Geometry, Window
from streamdeq.values.status import Start, Status


class ModelFunctions(Protocol):
    """What the engine needs of a model; `streamdeq.runtime.Functions` is one."""

    def inject(self, pictures: Tensor, canvas_hw: HW) -> Injection: ...

    def zeros(self, injection: Injection) -> Latent: ...

    def step(self, z: Latent, injection: Injection) -> Latent: ...

    def predict(self, z: Latent) -> Any: ...

    def wait(self) -> None: ...

    @property
    def own_threads(self) -> bool: ...


@dataclass(eq=False)
class Row:
    """A handle to one row of an engine. What stands here is host-side book-keeping; the tensors are in a pool.

    `evaluations` counts applications of `f` in the solve at hand, `lost` those for the same frame before it began anew.
    `forgets` says that the next frame starts from zeros. `change` is that of the last step, on the device.
    """

    geometry: Geometry | None = None
    pool: Pool | None = None
    slot: int = -1
    status: Status | None = None
    evaluations: int = 0
    lost: int = 0
    forgets: bool = False
    change: Tensor | None = None


class Engine:
    """Rows, and the verbs on them.

    Args:
        functions: the model at run time.
        solver: how a step is made, for all rows but those whose solve is another one's for a frame (`restart`,
            `extend`).
        decode: one row's outputs, its geometry and status → the answer.
        shorter_side: working size in pixels; None keeps every frame's own size.
        stride: canvas sides are padded to multiples of this.
        longest: what a frame's longer side is scaled to at the most; None for any length.
        carry: what becomes of a latent whose window moves.
    """

    def __init__(
        self,
        functions: ModelFunctions,
        solver: Solver,
        decode: Callable[[Any, Geometry, Status], Any],
        shorter_side: int | None,
        stride: int,
        longest: int | None = None,
        carry: Carry = MOVED,
    ) -> None:
        self.functions = functions
        self.solver = solver
        self.carry = carry
        self._decode = decode
        self._shorter_side = shorter_side
        self._stride = stride
        self._longest = longest
        # By canvas and by the solver's identity: one that a package brings need not have a hash.
        self._pools: dict[tuple[HW, int], Pool] = {}

    def fit(self, frame_hw: HW, window: Window | None = None) -> Geometry:
        """Where frames of a size, or a window of them, lie on the canvas; those of one canvas share batches."""
        return Geometry.fit(frame_hw, self._shorter_side, self._stride, window, self._longest)

    def open(self) -> Row:
        """A new row. It takes memory with its first frame."""
        return Row()

    def close(self, row: Row) -> None:
        """Give the row's memory back."""
        self._leave(row)
        row.geometry, row.status, row.change = None, None, None

    def reset(self, row: Row) -> None:
        """Forget the state: the row's next frame starts from zeros."""
        row.forgets = True

    def content(self, row: Row) -> Slots:
        """A copy of what a row holds."""
        assert row.pool is not None
        content = row.pool.gather([row.slot])
        return Slots(content.state.clone(), copied(content.injection))

    def adopt(self, content: Slots, like: Row) -> Row:
        """A new row with this content, otherwise as `like`."""
        assert like.geometry is not None
        row = replace(like)
        self._enter(row, like.geometry, content, like.pool.solver if like.pool else self.solver)
        return row

    # -- the verbs ---------------------------------------------------------------------------------------

    def observe(
        self,
        rows: Sequence[Row],
        frames: Sequence[Frame],
        *,
        windows: Sequence[Window] | None = None,
        keep: bool = True,
    ) -> None:
        """New frames: new injections, the engine's own solver renewed.

        Each row starts from the answer it carries, or from zeros if `keep` is false, if this is its first frame,
        after `reset`, when the frame's size has changed, or when the last solve failed.

        Args:
            windows: what each row sees of its frame; None for all of it. Where one is not where it was, the latent is
                moved with what it shows.
        """
        seen = windows or [None] * len(rows)
        fits = [self.fit(frame_hw(frame), window) for frame, window in zip(frames, seen, strict=True)]
        # Rows in the order of their slots: those that lie behind one another are not copied.
        order = sorted(range(len(rows)), key=lambda i: (fits[i].canvas_hw, fits[i].content_hw, rows[i].slot))
        for _, members in groupby(order, key=lambda i: (fits[i].canvas_hw, fits[i].content_hw)):
            chosen = list(members)
            began = perf_counter()
            places = [fits[i] for i in chosen]
            injection = self._inject([frames[i].image for i in chosen], places)
            share = (perf_counter() - began) / len(chosen)
            starts = self._place([rows[i] for i in chosen], places, injection, keep)
            for i, start in zip(chosen, starts, strict=True):
                row, frame = rows[i], frames[i]
                row.evaluations, row.lost, row.change = 0, 0, None
                row.status = Status(frame.index, frame.time_s, 0, 0, float("nan"), start, inject_s=share)

    def iterate(self, rows: Sequence[Row]) -> None:
        """One application of f for each of these rows. Reads nothing from the device."""
        for pool, members in _by_pool(rows):
            began = perf_counter()
            slots = [row.slot for row in members]
            content = pool.gather(slots)
            counts = [row.evaluations for row in members]
            f = partial(self.functions.step, injection=content.injection)
            state = pool.solver.step(f, content.state, spent=Spent(min(counts), max(counts)))
            change = change_of(content.state.z, state.z)
            pool.scatter_state(slots, state)
            share = (perf_counter() - began) / len(members)
            for n, row in enumerate(members):
                row.evaluations, row.change = row.evaluations + 1, change[n]
                status = status_of(row)
                row.status = replace(status, nfe=row.lost + row.evaluations, solve_s=status.solve_s + share)

    def read(self, rows: Sequence[Row]) -> list[Any]:
        """The answers as they stand now, each with the frame it reflects and the steps it has had.

        This is where the device is waited for.
        """
        answers = [one.answer() for one in self.outputs(rows)]
        for row, answer in zip(rows, answers, strict=True):
            row.status = answer.status
        return answers

    def outputs(self, rows: Sequence[Row]) -> list[Output]:
        """`read` but for what the host makes of the outputs, which another thread may do while the rows go on: until
        outputs of this engine are asked for again."""
        found: dict[int, Output] = {}
        for pool, members in _by_pool(rows):
            began = perf_counter()
            answer, relative, status = pool.gather([row.slot for row in members], read_of)
            outputs = apart(self.functions.predict(answer), answer)
            none = torch.full_like(relative[0], torch.nan)
            change = torch.stack([none if row.change is None else row.change for row in members])
            failed = status == SolverStatus.NONFINITE
            figures = torch.stack((relative, change, failed.to(change.dtype))).tolist()
            share = (perf_counter() - began) / len(members)
            uncounted = pool.solver.evaluations(1) - 1  # no iteration in the paper's sense: Broyden's first
            for n, row in enumerate(members):
                row.status = replace(
                    status_of(row),
                    iterations=max(0, row.evaluations - uncounted),
                    residual=figures[0][n] if row.evaluations else float("nan"),
                    change=figures[1][n],
                    failed=bool(figures[2][n]),
                    head_s=share,
                )
                row.forgets = row.forgets or row.status.failed
                one = pytree.tree_map_only(Tensor, lambda t, n=n: t[n : n + 1], outputs)
                assert row.geometry is not None
                found[id(row)] = Output(self._decode, one, row.geometry, row.status)
        return [found[id(row)] for row in rows]

    def restart(self, row: Row, solver: Solver | None = None) -> None:
        """Begin the solve of the row's frame anew, from zeros.

        Args:
            solver: steps it until the next frame, with memory of its own; as before if None.
        """
        status = status_of(row)
        assert row.pool is not None
        content = row.pool.gather([row.slot])
        zeros = self.functions.zeros(content.injection)
        if solver is None or solver is row.pool.solver:
            state = row.pool.solver.renew(content.state, None, zeros)
            row.pool.scatter_state([row.slot], state)
        else:
            self._move(row, Slots(solver.init(zeros), copied(content.injection)), solver)
        row.lost, row.evaluations, row.change = row.lost + row.evaluations, 0, None
        row.status = replace(status, start=Start.COLD)

    def extend(self, row: Row, solver: Solver) -> None:
        """Let `solver`, of the kind that steps the row but with more memory, go on until the next frame."""
        assert row.pool is not None
        if solver == row.pool.solver:
            return
        content = self.content(row)
        state = replace(content.state, memory=solver.enlarge(content.state.memory))
        self._move(row, content._replace(state=state), solver)

    def latent(self, rows: Sequence[Row]) -> Latent:
        """A copy of the representations that the rows' answers are read from, one behind the other."""
        found = [row.pool.gather([row.slot], read_of)[0] for row in rows if status_of(row) and row.pool]
        return Latent(tuple(torch.cat(maps) for maps in zip(*(z.maps for z in found), strict=True)))

    def residual(self, row: Row) -> float:
        """The relative residual of the row's last evaluated point. Waits for the device."""
        assert row.pool is not None
        return float(row.pool.gather([row.slot], state_of).relative)

    # -- inside ------------------------------------------------------------------------------------------

    def _inject(self, images: Sequence[np.ndarray], fits: Sequence[Geometry]) -> Injection:
        """One injection for pictures that may differ in size and window, but not on the canvas."""
        pictures = torch.cat([scaled(image, fit) for image, fit in zip(images, fits, strict=True)])
        return self.functions.inject(pictures, fits[0].canvas_hw)

    def _place(
        self, rows: Sequence[Row], fits: Sequence[Geometry], injection: Injection, keep: bool
    ) -> Sequence[Start]:
        """Put rows' new problems where they belong, and say how each starts."""
        starts, together = [Start.COLD] * len(rows), dict[tuple[int, bool, int], list[int]]()
        for n, (row, fit) in enumerate(zip(rows, fits, strict=True)):
            if row.pool is None or row.geometry is None or not fit.carries(row.geometry):
                self._leave(row)
                state = self.solver.init(self.functions.zeros(rows_of(injection, [n])))
                self._enter(row, fit, Slots(state, rows_of(injection, [n])), self.solver)
                row.geometry, row.forgets = fit, False
            else:
                starts[n] = Start.WARM if keep and not row.forgets else Start.COLD
                run = row.slot - n if row.pool.remembers else 0  # memory is not copied: it stays where it lies
                together.setdefault((id(row.pool), starts[n] is Start.WARM, run), []).append(n)
        for (_, warm, _), some in together.items():
            self._renew([rows[n] for n in some], [fits[n] for n in some], rows_of(injection, some), warm)
        return starts

    def _renew(self, rows: Sequence[Row], fits: Sequence[Geometry], injection: Injection, warm: bool) -> None:
        """New problems for rows of one pool: from the answer each has, or from zeros."""
        pool, slots = rows[0].pool, [row.slot for row in rows]
        assert pool is not None
        state = pool.gather(slots, state_of)
        z0 = self._carried(state, rows, fits) if warm else self.functions.zeros(injection)
        if pool.solver is self.solver:
            pool.scatter(slots, Slots(self.solver.renew(state, None, z0), injection))
        else:
            for n, row in enumerate(rows):
                self._move(row, Slots(self.solver.init(z0[n : n + 1]), copied(rows_of(injection, [n]))), self.solver)
        for row, fit in zip(rows, fits, strict=True):
            row.geometry, row.forgets = fit, False

    def _carried(self, state: SolverState, rows: Sequence[Row], fits: Sequence[Geometry]) -> Latent:
        """The answers, each moved to where its row looks now."""
        # A solve that failed unread may be known to another device only: choose there, without waiting for it.
        sound, z0 = state.status != SolverStatus.NONFINITE, state.answer
        if sound.device.type != "cpu" or not sound.all():
            z0 = z0 * sound.to(state.residual.dtype)
        before = [row.geometry for row in rows]
        if before == list(fits):
            return z0
        moved = [
            self.carry(z0[n : n + 1], was, now)
            for n, (was, now) in enumerate(zip(before, fits, strict=True))
            if was is not None
        ]
        return Latent(tuple(torch.cat(maps) for maps in zip(*(z.maps for z in moved), strict=True)))

    def _enter(self, row: Row, geometry: Geometry, content: Slots, solver: Solver) -> None:
        row.pool = self._pools.setdefault((geometry.canvas_hw, id(solver)), Pool(solver))
        row.slot = row.pool.add(content)

    def _move(self, row: Row, content: Slots, solver: Solver) -> None:
        """To where `solver` steps; `content` must be no view of where the row was."""
        assert row.geometry is not None
        geometry = row.geometry
        self._leave(row)
        self._enter(row, geometry, content, solver)

    def _leave(self, row: Row) -> None:
        """A pool goes with its last row."""
        if row.pool is None or row.geometry is None:
            return
        row.pool.remove(row.slot)
        if not row.pool.rows:
            del self._pools[row.geometry.canvas_hw, id(row.pool.solver)]
        row.pool = None


def status_of(row: Row) -> Status:
    if row.status is None:
        raise StreamdeqError("this row has not seen a frame yet: observe one before iterating or reading")
    return row.status


def _by_pool(rows: Sequence[Row]) -> list[tuple[Pool, list[Row]]]:
    grouped: dict[int, tuple[Pool, list[Row]]] = {}
    for row in rows:
        status_of(row)
        assert row.pool is not None  # a row with a status has a place
        grouped.setdefault(id(row.pool), (row.pool, []))[1].append(row)
    # In the order of their slots: rows that lie behind one another are not copied.
    return [(pool, sorted(members, key=lambda row: row.slot)) for pool, members in grouped.values()]
