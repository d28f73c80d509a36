"""Rows of poses in float64: interleaved as apart, batched as single, to ten digits."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from support.pose_parts import SPEC, pose_network
from support.small_models import frames
from torch import Tensor

from streamdeq.runtime.functions import Functions
from streamdeq.solvers import make_solver
from streamdeq.streaming.engine import Engine
from streamdeq.tasks import build_task
from streamdeq.tasks.pose import Poses
from streamdeq.values.frame import Frame
from streamdeq.values.geometry import Geometry, Window
from streamdeq.values.status import Status

FILM = frames(4, hw=(64, 96))
#: Of five people, one of them half outside the frame, one larger than the canvas, one who moves.
WINDOWS = [
    [Window(5, 5, 37, 37)] * 4,
    [Window(40, 10, 90, 60)] * 4,
    [Window(-20, -10, 20, 30)] * 4,
    [Window(0, 0, 64, 64)] * 4,
    [Window(30 + 6 * t, 20, 62 + 6 * t, 52) for t in range(4)],
]


@dataclass(frozen=True, eq=False)
class Answer:
    """The heat maps to all digits, and what is read off them."""

    maps: Tensor
    poses: Poses
    status: Status


@pytest.fixture(scope="module")
def functions() -> Functions:
    return Functions(pose_network().double(), SPEC, torch.device("cpu"), torch.float64)


def engine_of(functions: Functions, solver: str) -> Engine:
    task = build_task(SPEC)

    def decode(maps: Tensor, geometry: Geometry, status: Status) -> Answer:
        return Answer(maps.clone(), task.decode(maps, geometry, status, functions.head), status)

    return Engine(functions, make_solver(solver, 3), decode, SPEC.size, SPEC.architecture.stride)


def alone(functions: Functions, solver: str, film: list[Frame], windows: list[Window]) -> list[Answer]:
    engine = engine_of(functions, solver)
    row, answers = engine.open(), []
    for frame, window in zip(film, windows, strict=True):
        engine.observe([row], [frame], windows=[window])
        for _ in range(3):
            engine.iterate([row])
        answers += engine.read([row])
    return answers


def same(ours: Answer, expected: Answer) -> None:
    assert ours.maps.dtype == torch.float64
    assert float((ours.maps - expected.maps).abs().max() / expected.maps.abs().max()) < 1e-10
    np.testing.assert_allclose(ours.poses.keypoints_xy, expected.poses.keypoints_xy, rtol=1e-6)
    np.testing.assert_array_equal(ours.poses.crops_xyxy, expected.poses.crops_xyxy)


@pytest.mark.parametrize("solver", ["picard", "broyden"])
def test_a_batch_of_people_equals_each_alone(functions, solver):
    expected = [alone(functions, solver, FILM, windows) for windows in WINDOWS]
    engine = engine_of(functions, solver)
    rows = [engine.open() for _ in WINDOWS]
    for t, frame in enumerate(FILM):
        engine.observe(rows, [frame] * len(rows), windows=[windows[t] for windows in WINDOWS])
        for _ in range(3):
            engine.iterate(rows)
        for n, answer in enumerate(engine.read(rows)):
            same(answer, expected[n][t])


@pytest.mark.parametrize("solver", ["picard", "broyden"])
def test_people_of_two_videos_in_turn_are_as_one_video_after_the_other(functions, solver):
    other = frames(4, seed=7, hw=(80, 72))
    films = [FILM, other, FILM]
    expected = [alone(functions, solver, film, windows) for film, windows in zip(films, WINDOWS, strict=False)]
    engine = engine_of(functions, solver)
    rows = [engine.open() for _ in films]
    for t in range(4):
        # Every row sees its frame at another moment, so that one batch holds rows at different steps.
        for n, row in enumerate(rows):
            engine.observe([row], [films[n][t]], windows=[WINDOWS[n][t]])
            engine.iterate([row])
        engine.iterate(rows[::-1])
        engine.iterate(rows)
        for n, answer in enumerate(engine.read(rows)):
            same(answer, expected[n][t])
            assert answer.status.nfe == 3
