"""Single-frame quality while training: from zeros, at several step counts.

For choosing hyper-parameters on a held-out split. The network runs as it does in use (folded, in the recipe's
precision, with the solver it is trained for); the streaming protocol and its tables are `evaluation`'s.
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from torchvision.transforms.v2 import functional as tv

from streamdeq.data.base import Dataset
from streamdeq.models.mdeq import Network
from streamdeq.models.spec import ModelSpec
from streamdeq.runtime.functions import Functions
from streamdeq.runtime.precision import pick_dtype
from streamdeq.solvers import Evaluations, Spent, make_solver, resume
from streamdeq.tasks import build_task
from streamdeq.values.geometry import Geometry
from streamdeq.values.status import Start, Status

COUNTS = (1, 2, 4, 8, 14, 20)


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
        image, target = clip.image(t), clip.target(t)
        geometry = Geometry.fit(
            (image.shape[0], image.shape[1]), spec.size, spec.architecture.stride, None, spec.longest
        )
        injection = functions.inject(_content(image, geometry), geometry.canvas_hw)
        f, done = partial(functions.step, injection=injection), 0
        state = solver.init(functions.zeros(injection))
        for count, metric in metrics.items():
            evaluations = solver.evaluations(count)
            state = resume(f, solver, state, Evaluations(evaluations - done), spent=Spent(done, done)).state
            done = evaluations
            status = Status(t, t / clip.fps, count, done, float("nan"), Start.COLD)
            metric.update(task.decode(functions.predict(state.answer), geometry, status, functions.head), target)
    name = next(iter(metrics.values())).name
    return name, {count: metric.compute()[name] for count, metric in metrics.items()}


def _content(image: np.ndarray, geometry: Geometry) -> torch.Tensor:
    """(1, 3, h, w) uint8, the frame scaled to its place on the canvas."""
    picture = torch.from_numpy(image).permute(2, 0, 1)[None]
    if geometry.content_hw == geometry.frame_hw:
        return picture
    return tv.resize(picture, list(geometry.content_hw), antialias=True)
