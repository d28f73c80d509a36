"""Latency: how long a frame takes and where the time goes, for one row that streams, by wall clock.

The time of a frame is that of the three verbs and the task's decoding, from the uint8 picture to the answer in the
frame's own pixels. Reading the picture from a file or a camera and drawing are not in it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch

from streamdeq.api import Model
from streamdeq.data.base import Dataset
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.protocol.settings import Settings
from streamdeq.solvers import make_solver
from streamdeq.streaming.engine import Engine, Row
from streamdeq.streaming.loop import run_frames
from streamdeq.values.frame import Frame

#: Frames at the start that are not counted: memory is allocated and kernels are chosen there.
WARM_UP = 5
#: Frames measured unless said otherwise.
FRAMES = 100


@dataclass(frozen=True)
class Percentiles:
    """Milliseconds; p50 is the median."""

    p50: float
    p95: float
    p99: float


@dataclass(frozen=True)
class Latency:
    """Milliseconds per frame at one iteration count. The parts' percentiles do not add up, their means would.

    Args:
        nfe: applications of `f` per frame.
        frames: measured frames, without the warm-up.
        threads: of torch, on a CPU.
        inject: scaling, normalisation and stem. solve: the applications of `f`. head: the task's outputs.
        decode: outputs → answer.
    """

    iterations: int
    nfe: int
    frames: int
    threads: int
    total: Percentiles
    inject: Percentiles
    solve: Percentiles
    head: Percentiles
    decode: Percentiles


def measure_latency(
    model: Model, images: Sequence[np.ndarray], iterations: int, settings: Settings, warm_up: int = WARM_UP
) -> Latency:
    """Stream `images`, (H, W, 3) uint8 RGB, and time every frame after the first `warm_up`.

    Raises:
        StreamdeqError: no frame is left to measure.
    """
    if len(images) <= warm_up:
        raise StreamdeqError(f"expected more than {warm_up} frames to measure latency, got {len(images)}")
    solver = make_solver(settings.solver or model.spec.solver, iterations)
    engine, evaluations = model.engine(solver, settings.size, settings.runtime), solver.evaluations(iterations)
    row = engine.open()
    seconds = np.array([_time(engine, row, Frame(image, n, 0.0), evaluations) for n, image in enumerate(images)])
    parts = seconds[warm_up:]
    columns = np.column_stack([parts.sum(axis=1), parts])
    percentiles = (Percentiles(*column) for column in (1000 * np.percentile(columns, (50, 95, 99), axis=0)).T.tolist())
    return Latency(iterations, evaluations, len(parts), torch.get_num_threads(), *percentiles)


def some_images(dataset: Dataset, frames: int = FRAMES + WARM_UP) -> list[np.ndarray]:
    """Pictures to measure with: those of the longest clip, as often as it takes; of all clips if they are pictures."""
    longest = max(dataset.clips, key=len)
    if len(longest) > 1:
        pictures = [longest.image(t) for t in range(min(frames, len(longest)))]
    else:
        pictures = [clip.image(0) for clip in dataset.clips[:frames]]
    return [pictures[n % len(pictures)] for n in range(frames)]


def _time(engine: Engine, row: Row, frame: Frame, evaluations: int) -> tuple[float, float, float, float]:
    """Seconds of a frame: inject, solve, head, decode."""
    times = [_now(engine)]

    def note(step: int) -> None:
        if step in (0, evaluations):
            times.append(_now(engine))

    [answer] = run_frames(engine, [row], [frame], evaluations, on_step=note)
    begun, injected, solved, read = *times, _now(engine)
    decode_s = answer.status.decode_s
    return injected - begun, solved - injected, read - solved - decode_s, decode_s


def _now(engine: Engine) -> float:
    """The clock once the device has done all it was given: otherwise `read` would be charged for the solve."""
    engine.functions.wait()
    return perf_counter()
