"""A detector's rows in an engine: interleaved as apart, batched as single, in float64; ties are counted."""

from functools import partial

import numpy as np
import pytest
import torch
from support.small_models import frames

from streamdeq.models.architecture import Architecture
from streamdeq.models.spec import ModelSpec
from streamdeq.runtime.functions import Functions
from streamdeq.solvers import make_solver
from streamdeq.streaming.engine import Engine
from streamdeq.tasks import build_network, build_task
from streamdeq.tasks.detection import Detections

HEAD = {
    "channels": 16, "hidden": 32, "anchor_scales": [4.0], "finest": 16.0, "candidates": 60, "proposals": 40,
    "least_score": 0.0, "detections": 20,
}  # fmt: skip
SPEC = ModelSpec("rows", "detection", Architecture((8, 8, 16), 2, 2), ("a", "b"), ((0, 0, 0), (9, 9, 9)), 32, head=HEAD)


@pytest.fixture(scope="module")
def functions() -> Functions:
    torch.manual_seed(0)
    network = build_network(SPEC).double()
    for parameter in network.head.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=1.5 / parameter[0].numel() ** 0.5)
    return Functions(network, SPEC, torch.device("cpu"), torch.float64)


def engine_of(functions: Functions, solver: str) -> Engine:
    decode = partial(build_task(SPEC).decode, head=functions.head)
    return Engine(functions, make_solver(solver, 3), decode, SPEC.size, SPEC.architecture.stride)


def alone(functions: Functions, solver: str, video: list, steps: int) -> list[Detections]:
    engine = engine_of(functions, solver)
    row, answers = engine.open(), []
    for frame in video:
        engine.observe([row], [frame])
        for _ in range(steps):
            engine.iterate([row])
        answers += engine.read([row])
    return answers


def ties_of(one: Detections, other: Detections) -> int:
    np.testing.assert_allclose(one.scores, other.scores, rtol=1e-6)
    np.testing.assert_allclose(one.boxes_xyxy, other.boxes_xyxy, rtol=1e-6, atol=1e-5)  # float32, as they are told
    np.testing.assert_array_equal(one.labels, other.labels)
    return len(one) - len(np.unique(one.scores))


@pytest.mark.parametrize("solver", ["picard", "broyden"])
def test_rows_that_share_batches_are_found_as_they_are_apart(functions, solver):
    videos = [frames(3, seed=seed, hw=hw) for seed, hw in ((0, (32, 48)), (1, (32, 48)), (2, (48, 32)))]
    engine, ties = engine_of(functions, solver), 0
    rows = [engine.open() for _ in videos]
    expected = [alone(functions, solver, video, 3) for video in videos]
    for t in range(3):
        engine.observe(rows, [video[t] for video in videos])
        for _ in range(3):
            engine.iterate(rows)
        for k, answer in enumerate(engine.read(rows)):
            ties += ties_of(answer, expected[k][t])
    assert ties == 0


def test_rows_at_different_frames_and_steps_do_not_meet(functions):
    one, two = frames(2, seed=3), frames(2, seed=4)
    engine = engine_of(functions, "picard")
    early, late = engine.open(), engine.open()
    engine.observe([early], one[:1])
    engine.iterate([early])
    engine.observe([late], two[:1])
    engine.iterate([early, late])
    engine.observe([late], two[1:])
    engine.iterate([late, early])
    [first], [second] = engine.read([early]), engine.read([late])
    assert ties_of(first, alone(functions, "picard", one[:1], 3)[0]) == 0
    assert ties_of(second, alone(functions, "picard", two, 1)[1]) == 0
