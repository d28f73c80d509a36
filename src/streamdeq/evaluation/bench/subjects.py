"""What is timed: the model by each executor, and beside it what one would have without this package.

A subject gives probes: one for each part of a frame, and one for whole frames at each number of iterations.
"""

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils import _pytree as pytree

from streamdeq.api import Model
from streamdeq.evaluation.bench.machine import gflop_of
from streamdeq.evaluation.bench.turns import Probe
from streamdeq.evaluation.peers import Peer
from streamdeq.latent import Latent
from streamdeq.models.mdeq import Network
from streamdeq.solvers import Evaluations, Solver, make_solver, solve
from streamdeq.streaming.engine import status_of
from streamdeq.streaming.loop import run_frames
from streamdeq.values.frame import Frame
from streamdeq.values.geometry import Geometry
from streamdeq.values.status import Start, Status


@dataclass(frozen=True, eq=False)
class Work:
    """What every subject does.

    Args:
        network: of the model, as trained.
        image: (H, W, 3) uint8 RGB.
        size: working size; None for the model's.
        solver: its name.
        iterations: per frame, each of them.
    """

    model: Model
    network: Network
    image: np.ndarray
    size: int | None
    solver: str
    iterations: tuple[int, ...]

    def made(self, iterations: int) -> Solver:
        return make_solver(self.solver, iterations)

    @property
    def geometry(self) -> Geometry:
        spec = self.model.spec
        longest = spec.longest if self.size is None else None
        seen = self.image.shape[0], self.image.shape[1]
        return Geometry.fit(seen, self.size or spec.size, spec.architecture.stride, None, longest)


def part_of(iterations: int) -> str:
    """The name of the column for whole frames."""
    return f"frame @{iterations}"


def streaming(work: Work, runtime: str, rows: int) -> Iterator[Probe]:
    """The model as it streams, `rows` videos at once, computed by `runtime`; all times are those of one row."""
    who = f"streamdeq, {runtime}" + (f", {rows} rows" if rows > 1 else "")
    model, most = work.model, max(work.iterations)
    engine = model.engine(work.made(most), work.size, runtime)
    opened = [engine.open() for _ in range(rows)]
    frames = [Frame(work.image, 0, 0.0)] * rows
    run_frames(engine, opened, frames, engine.solver.evaluations(most))
    contents = [engine.content(row) for row in opened]
    content = pytree.tree_map(lambda *parts: torch.cat(parts) if isinstance(parts[0], Tensor) else None, *contents)
    z, injection = content.state.answer, content.injection
    functions = engine.functions
    outputs = functions.predict(z)
    one = pytree.tree_map_only(Tensor, lambda t: t[:1], outputs)
    geometry, status = work.geometry, status_of(opened[0])

    def probe(part: str, call: Callable[[], Any], gflop: float = 0.0, calls: int = rows) -> Probe:
        def waited() -> None:
            call()
            functions.wait()

        return Probe(who, part, waited, gflop, calls)

    step = partial(functions.step, z, injection)
    predict = partial(functions.predict, z)
    eager = model.functions  # whose operations can be counted
    counted = (lambda: eager.step(z, injection)), (lambda: eager.predict(z))
    operations = [gflop_of(call) / rows for call in counted]
    yield probe("inject", partial(engine.observe, opened, frames))
    yield probe("step", step, operations[0])
    yield probe("solver", partial(_algebra, engine.solver, most, z), calls=rows * engine.solver.evaluations(most))
    yield probe("predict", predict, operations[1])
    yield probe("decode", lambda: model.task.decode(one, geometry, status, model.functions.head), calls=1)
    for number in work.iterations:
        own = model.engine(work.made(number), work.size, runtime)
        begun = [own.open() for _ in range(rows)]
        yield probe(part_of(number), partial(run_frames, own, begun, frames, own.solver.evaluations(number)))


def _algebra(solver: Solver, iterations: int, z: Latent) -> None:
    """A solve whose f costs nothing: two known values in turns."""
    values = z, z * 0.5
    state = solver.init(z)
    calls = iter(range(10**9))
    with torch.no_grad():
        solve(lambda _: values[next(calls) % 2], solver, state.z, Evaluations(solver.evaluations(iterations)))


class Published:
    """The model as its authors compute it: float32, weight norm once per frame, BatchNorm by itself."""

    def __init__(self, work: Work) -> None:
        self.work = work
        self.device = work.model.functions.device
        self.network = work.network.eval().to(self.device)
        self.geometry = work.geometry
        spec = work.model.spec
        self.mean, self.std = (torch.tensor(v).view(3, 1, 1).to(self.device) for v in (spec.mean, spec.std))
        self.answer: Latent | None = None

    @torch.no_grad()
    def bound(self) -> tuple[Callable[[Latent], Latent], Latent]:
        """f for the picture, and where it starts: the answer for the one before."""
        fit = self.geometry
        picture = torch.from_numpy(np.ascontiguousarray(self.work.image)).to(self.device).permute(2, 0, 1)[None]
        if fit.content_hw != fit.seen_hw:
            picture = F.interpolate(picture, size=fit.content_hw, mode="bilinear", antialias=True)
        x = (picture.float() / 255 - self.mean) / self.std
        x = F.pad(x, (0, fit.canvas_hw[1] - x.shape[3], 0, fit.canvas_hw[0] - x.shape[2]))
        injection = self.network.backbone.inject(x)
        start = self.network.backbone.zeros(injection) if self.answer is None else self.answer
        return self.network.backbone.bind(injection), start

    @torch.no_grad()
    def frame(self, solved: Callable[[Callable[[Latent], Latent], Latent], Latent]) -> Any:
        """A frame from the picture to the answer by some solver."""
        f, start = self.bound()
        self.answer = solved(f, start)
        task, status = self.work.model.task, Status(0, 0.0, 1, 1, float("nan"), Start.WARM)
        return task.decode(self.network.head(self.answer), self.geometry, status, self.network.head)

    def probes(self, who: str, solved: "Solving") -> Iterator[Probe]:
        f, start = self.bound()

        def probe(part: str, call: Callable[[], Any], gflop: float = 0.0) -> Probe:
            def waited() -> None:
                with torch.no_grad():
                    call()
                self.work.model.functions.wait()

            return Probe(who, part, waited, gflop)

        operations = [gflop_of(call) for call in (lambda: f(start), lambda: self.network.head(start))]
        yield probe("inject", self.bound)
        yield probe("step", lambda: f(start), operations[0])
        yield probe("predict", lambda: self.network.head(start), operations[1])
        for number in self.work.iterations:
            yield probe(part_of(number), partial(self.frame, solved(number)))


#: From iterations per frame to a solve: from f and where it starts to the answer.
Solving = Callable[[int], Callable[[Callable[[Latent], Latent], Latent], Latent]]


def our_solver(work: Work) -> Solving:
    def solved(number: int) -> Callable[[Any, Latent], Latent]:
        solver = work.made(number)
        return lambda f, start: solve(f, solver, start, Evaluations(solver.evaluations(number))).answer

    return solved


def torchdeqs_solver(work: Work) -> Solving:
    """That of the same method in the library torchdeq (the extra `bench`)."""
    with warnings.catch_warnings():  # a docstring of its own that Python finds fault with
        warnings.simplefilter("ignore")
        from torchdeq.solver import broyden_solver, fixed_point_iter

    best = work.solver.startswith("broyden")  # Broyden answers its best point, Picard its last
    method = broyden_solver if best else fixed_point_iter

    def solved(number: int) -> Callable[[Any, Latent], Latent]:
        def run(f: Callable[[Latent], Latent], start: Latent) -> Latent:
            def flat(v: Tensor) -> Tensor:
                return f(start.unflat(v)).flat()

            answer, _, _ = method(flat, start.flat(), max_iter=number, tol=0.0, return_final=not best)
            return start.unflat(answer)

        return run

    return solved


def published(work: Work) -> Iterator[Probe]:
    yield from Published(work).probes("published, float32", our_solver(work))


def torchdeq(work: Work) -> Iterator[Probe]:
    whole = Published(work).probes("torchdeq, float32", torchdeqs_solver(work))
    yield from (probe for probe in whole if probe.part.startswith("frame"))  # its parts are those of the published


def peer(work: Work, other: Peer, runtime: str) -> Iterator[Probe]:
    """A network of torchvision's that answers frame by frame: the same for any number of iterations."""
    yield Probe(f"{other.name}, {runtime}", part_of(work.iterations[0]), partial(other.answer, work.image))


def megabytes(content: Any) -> float:
    """Of all tensors in it."""
    return sum(t.nbytes for t in pytree.tree_leaves(content) if isinstance(t, Tensor)) / 2**20
