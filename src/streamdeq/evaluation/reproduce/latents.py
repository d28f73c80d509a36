"""How near a stream's representations are to the reference, and how they move: Figs 3, 4, 5, 8 and 15 of the paper.

Every function is data → numbers, for JSON. Distances are ‖z − z*‖², the mean over pictures, and that per entry of z.
Legend: M iterations of the model's reference solver, z* the reference, t a frame.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from streamdeq.api import Model
from streamdeq.data.base import Dataset
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.frames import FrameCache
from streamdeq.evaluation.protocol.plan import Draw, Sample
from streamdeq.latent import Latent
from streamdeq.models.mdeq import Network
from streamdeq.solvers import make_solver
from streamdeq.streaming.engine import Engine, Row
from streamdeq.streaming.loop import run_steps
from streamdeq.streaming.options import StartFrom
from streamdeq.streaming.start import Begin, Reference

#: Told after every frame or pair of frames that is done.
Done = Callable[[], None]


@dataclass
class Mean:
    """A mean over pictures, and per entry of z."""

    total: float = 0.0
    pictures: int = 0
    entries: int = 0

    def add(self, a: Latent, b: Latent) -> None:
        """The squared distances between the rows of a and b."""
        gap = a - b
        squares = gap.dot(gap).double()
        self.total += float(squares.sum())
        self.pictures += a.rows
        self.entries = sum(m[0].numel() for m in a.maps)

    @property
    def value(self) -> float:
        return self.total / self.pictures


@dataclass
class Curve:
    """A line of a figure: x → mean."""

    points: dict[int, Mean] = field(default_factory=dict)

    def add(self, x: int, a: Latent, b: Latent) -> None:
        self.points.setdefault(x, Mean()).add(a, b)

    def to_plain(self) -> dict[str, Any]:
        """For JSON."""
        points = sorted(self.points.items())
        return {
            "x": [x for x, _ in points],
            "squared_distance": [mean.value for _, mean in points],
            "per_entry": [mean.value / mean.entries for _, mean in points],
            "pictures": points[0][1].pictures if points else 0,
        }


class Measured:
    """A model, the frames of a split, and what is drawn of them.

    Args:
        size: as in `Settings`. batch: rows computed together.
        network: of the model, as trained, for solvers that are not ours.
    """

    def __init__(
        self,
        model: Model,
        dataset: Dataset,
        draw: Draw,
        size: int | str | None = None,
        batch: int = 4,
        network: Network | None = None,
    ) -> None:
        self.model, self.dataset, self.draw, self.batch = model, dataset, draw, batch
        self.network = network
        self.frames, self.size = FrameCache(dataset.clips), size
        described = model.spec.reference_solve
        self.reference, self.iterations = Reference.of(described), described.iterations

    def engine(self, iterations: int) -> Engine:
        """Rows that the model's reference solver steps, with memory for so many iterations."""
        return self.model.engine(make_solver(self.model.spec.reference_solve.solver, iterations), self.size)

    def pairs(self) -> list[list[Sample]]:
        """The second frames of pairs of neighbours, a batch at a time."""
        every = [Sample(n, t) for n, clip in enumerate(self.dataset.clips) for t in range(1, len(clip))]
        return self._batches(every, "a clip of at least 2 frames")

    def ends(self, before: int) -> tuple[Sample, ...]:
        """Labelled frames with at least so many before them."""
        found = [Sample(n, t) for n, clip in enumerate(self.dataset.clips) for t in clip.labelled if t >= before]
        if not found:
            raise StreamdeqError(
                f"expected a labelled frame with at least {before} frames before it in split '{self.dataset.split}' of "
                f"{self.dataset.name}, found none; use smaller --offsets"
            )
        return self.draw(found)

    def observe(self, engine: Engine, rows: Sequence[Row], samples: Sequence[Sample], keep: bool, ago: int = 0) -> None:
        """The frames `ago` before those of the samples."""
        engine.observe(rows, [self.frames.frame(Sample(one.clip, one.t - ago)) for one in samples], keep=keep)

    def _batches(self, samples: list[Sample], expected: str) -> list[list[Sample]]:
        drawn = list(self.draw(samples))
        if not drawn:
            raise StreamdeqError(
                f"expected {expected} in split '{self.dataset.split}' of {self.dataset.name}, found none"
            )
        batches: list[list[Sample]] = []
        for sample in drawn:
            hw = self.frames.frame(sample).image.shape
            last = batches[-1] if batches else []
            if not last or len(last) == self.batch or self.frames.frame(last[0]).image.shape != hw:
                batches.append([])
            batches[-1].append(sample)
        return batches


def path(engine: Engine, rows: Sequence[Row], iterations: int) -> Iterator[tuple[int, Latent]]:
    """(M, z after M iterations) for M = 0 … `iterations`, of the frames that the rows have observed."""
    yield 0, engine.latent(rows)
    done = 0
    for count in range(1, iterations + 1):
        evaluations = engine.solver.evaluations(count)
        run_steps(engine, rows, evaluations - done, read=())
        done = evaluations
        yield count, engine.latent(rows)


def along_iterations(measured: Measured, iterations: int, done: Done = lambda: None) -> dict[str, Any]:
    """Fig. 3: ‖z_t^[M] − z_t*‖² over M, begun from the reference of the previous frame (Eq. 4) and from zeros."""
    warm, cold, engine = Curve(), Curve(), measured.engine(iterations)
    for batch in measured.pairs():
        rows = [engine.open() for _ in batch]
        measured.observe(engine, rows, batch, keep=False)
        measured.reference.solve(engine, rows)
        target = engine.latent(rows)
        measured.observe(engine, rows, batch, keep=False)
        for count, z in path(engine, rows, iterations):
            cold.add(count, z, target)
        measured.observe(engine, rows, batch, keep=False, ago=1)
        measured.reference.solve(engine, rows)
        measured.observe(engine, rows, batch, keep=True)
        for count, z in path(engine, rows, iterations):
            warm.add(count, z, target)
        _close(engine, rows, done)
    return {"from the previous reference": warm.to_plain(), "from zeros": cold.to_plain()}


def along_offsets(
    measured: Measured, counts: Sequence[int], offsets: Sequence[int], start: StartFrom, done: Done = lambda: None
) -> dict[str, Any]:
    """Figs 4 and 5: ‖z_n − z_n*‖² of the annotated frame n over t, when streaming with M iterations a frame started at
    n − t from its reference (`reference`, Eq. 5) or from zeros (`previous`, Eq. 6). A line per M."""
    curves, begin = {count: Curve() for count in counts}, Begin(start, measured.reference)
    for sample in measured.ends(max(offsets)):
        own = measured.engine(1)
        row = own.open()
        measured.observe(own, [row], [sample], keep=False)
        measured.reference.solve(own, [row])
        target = own.latent([row])
        for count, curve in curves.items():
            engine, rows = measured.engine(count), dict[int, Row]()
            for ago in range(max(offsets), -1, -1):
                if ago in offsets:
                    rows[ago] = engine.open()
                if rows:
                    frames = [measured.frames.frame(Sample(sample.clip, sample.t - ago))] * len(rows)
                    begin.run(engine, list(rows.values()), frames, engine.solver.evaluations(count), read=())
            for offset, streamed in rows.items():
                curve.add(offset, engine.latent([streamed]), target)
        done()
    return {f"{count} iterations": curve.to_plain() for count, curve in curves.items()}


def between_neighbours(measured: Measured, iterations: int, done: Done = lambda: None) -> dict[str, Any]:
    """Fig. 15: ‖z_t^[M] − z_{t+1}^[M]‖² over M, both from zeros."""
    curve, engine = Curve(), measured.engine(iterations)
    for batch in measured.pairs():
        rows, next_rows = [engine.open() for _ in batch], [engine.open() for _ in batch]
        measured.observe(engine, rows, batch, keep=False, ago=1)
        measured.observe(engine, next_rows, batch, keep=False)
        paths = zip(path(engine, rows, iterations), path(engine, next_rows, iterations), strict=True)
        for (count, z), (_, z_next) in paths:
            curve.add(count, z, z_next)
        _close(engine, [*rows, *next_rows], done)
    return {"from zeros": curve.to_plain()}


def changes(measured: Measured, counts: Sequence[int], frames: int, done: Done = lambda: None) -> dict[str, Any]:
    """Fig. 8: ‖z^[M+1] − z^[M]‖ / ‖z^[M]‖ of every step across the changes of `frames` frames on end, for so many
    iterations a frame, from zeros at the first; means over clips. The first step, from zeros, has none."""
    clips = [n for n, clip in enumerate(measured.dataset.clips) if len(clip) >= frames]
    chosen = [sample.clip for sample in measured.draw([Sample(n, 0) for n in clips])]
    if not chosen:
        raise StreamdeqError(f"expected a clip of at least {frames} frames in {measured.dataset.name}, found none")
    lines: dict[str, Any] = {}
    for count in counts:
        engine = measured.engine(count)
        evaluations = engine.solver.evaluations(count)
        told = [_changes_of(measured, engine, clip, frames, evaluations) for clip in chosen]
        means = torch.stack(told).double().nanmean(0).tolist()
        x = list(range(1, len(means) + 1))
        known = [None if value != value else value for value in means]
        lines[f"{count} iterations"] = {
            "x": x,
            "change": known,
            "steps_per_frame": evaluations,
            "pictures": len(chosen),
        }
        done()
    return lines


def _changes_of(measured: Measured, engine: Engine, clip: int, frames: int, evaluations: int) -> Tensor:
    """(frames × evaluations,): of every step."""
    row, told = engine.open(), list[Tensor]()

    def note(_: int) -> None:
        assert row.change is not None  # a step has been taken
        told.append(row.change)

    for t in range(frames):
        engine.observe([row], [measured.frames.frame(Sample(clip, t))])
        run_steps(engine, [row], evaluations, read=(), on_step=note)
    engine.close(row)
    return torch.stack(told).cpu()


def _close(engine: Engine, rows: Sequence[Row], done: Done) -> None:
    for row in rows:
        engine.close(row)
        done()
