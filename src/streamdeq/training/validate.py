"""Quality while training: of single frames from zeros, at several step counts, and streaming at one and two.

For choosing hyper-parameters on a held-out split. The network runs as it does in use (folded, in the recipe's
precision, with the solver it is trained for); the streaming protocol and its tables are `evaluation`'s.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torchvision.transforms.v2 import functional as tv

from streamdeq.data.base import Clip, Dataset
from streamdeq.latent import Latent
from streamdeq.models.mdeq import Network
from streamdeq.models.spec import ModelSpec
from streamdeq.runtime.functions import Functions
from streamdeq.runtime.precision import pick_dtype
from streamdeq.solvers import Evaluations, FixedPointMap, Spent, make_solver, resume, solve
from streamdeq.tasks import Result, build_task
from streamdeq.values.geometry import Geometry
from streamdeq.values.status import Start, Status

COUNTS = (1, 2, 4, 8, 14, 20)
#: Iterations per frame of what is streamed.
STREAMED = (1, 2)


def single_frame(
    network: Network,
    spec: ModelSpec,
    dataset: Dataset,
    precision: str,
    device: torch.device,
    counts: Sequence[int] = COUNTS,
) -> tuple[str, dict[int, float]]:
    """The task's main figure, in points, per number of iterations over the labelled frames; and its name."""
    functions = Functions(network, spec, device, pick_dtype(precision, device))
    task, solver = build_task(spec), make_solver(spec.solver, max(counts))
    metrics = {count: task.metric() for count in sorted(counts)}
    for clip, t in dataset.scored(spec.classes).samples:
        f, zeros, geometry = _frame(functions, spec, clip.image(t))
        target, done = clip.target(t), 0
        state = solver.init(zeros)
        for count, metric in metrics.items():
            evaluations = solver.evaluations(count)
            state = resume(f, solver, state, Evaluations(evaluations - done), spent=Spent(done, done)).state
            done = evaluations
            status = Status(t, t / clip.fps, count, done, float("nan"), Start.COLD)
            metric.update(task.decode(functions.predict(state.answer), geometry, status, functions.head), target)
    name = next(iter(metrics.values())).name
    return name, {count: metric.compute()[name] for count, metric in metrics.items()}


def answered(
    network: Network, spec: ModelSpec, dataset: Dataset, precision: str, device: torch.device
) -> Iterator[tuple[Clip, int, Result]]:
    """Every labelled frame of a data set `scored` for the model's classes, with the answer from zeros that the model
    gives when there is time."""
    functions = Functions(network, spec, device, pick_dtype(precision, device))
    reference, task = spec.reference_solve, build_task(spec)
    solver = make_solver(reference.solver, reference.iterations)
    evaluations = solver.evaluations(reference.iterations)
    for clip, t in dataset.samples:
        f, zeros, geometry = _frame(functions, spec, clip.image(t))
        z = solve(f, solver, zeros, Evaluations(evaluations)).answer
        status = Status(t, t / clip.fps, reference.iterations, evaluations, float("nan"), Start.COLD)
        yield clip, t, task.decode(functions.predict(z), geometry, status, functions.head)


def streamed(
    network: Network,
    spec: ModelSpec,
    dataset: Dataset,
    precision: str,
    device: torch.device,
    counts: Sequence[int] = STREAMED,
) -> dict[int, float]:
    """The same figure per number of iterations a frame, over the labelled frames that have others before them in their
    clip, which is streamed through from zeros; empty where there are none."""
    functions = Functions(network, spec, device, pick_dtype(precision, device))
    clips = [clip for clip in dataset.scored(spec.classes).clips if any(t > 0 for t in clip.labelled)]
    task, figures = build_task(spec), {}
    for count in counts if clips else ():
        solver, metric = make_solver(spec.solver, count), task.metric()
        for clip in clips:
            z = None
            for t in range(max(clip.labelled) + 1):
                f, zeros, geometry = _frame(functions, spec, clip.image(t))
                z = zeros if z is None or z.shapes != zeros.shapes else z
                evaluations = solver.evaluations(count)
                z = solve(f, solver, z, Evaluations(evaluations)).answer
                if t and t in clip.labelled:
                    status = Status(t, t / clip.fps, count, evaluations, float("nan"), Start.WARM)
                    metric.update(task.decode(functions.predict(z), geometry, status, functions.head), clip.target(t))
        figures[count] = metric.compute()[metric.name]
    return figures


def _frame(functions: Functions, spec: ModelSpec, image: np.ndarray) -> tuple[FixedPointMap, Latent, Geometry]:
    """f and zeros of a frame, and where it lies on its canvas."""
    geometry = Geometry.fit((image.shape[0], image.shape[1]), spec.size, spec.architecture.stride, None, spec.longest)
    injection = functions.inject(_content(image, geometry), geometry.canvas_hw)
    return partial(functions.step, injection=injection), functions.zeros(injection), geometry


def _content(image: np.ndarray, geometry: Geometry) -> torch.Tensor:
    """(1, 3, h, w) uint8, the frame scaled to its place on the canvas."""
    picture = torch.from_numpy(image).permute(2, 0, 1)[None]
    if geometry.content_hw == geometry.frame_hw:
        return picture
    return tv.resize(picture, list(geometry.content_hw), antialias=True)
