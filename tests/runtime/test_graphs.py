"""Recorded steps say what steps say, for any number of rows, in any order: on a GPU and, by the oracle, without one."""

import pickle

import pytest
import torch
from torch import Tensor

from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.models.spec import ModelSpec
from streamdeq.runtime.functions import Functions
from streamdeq.runtime.graphs import MOST, Replayed, record_graph, record_plain
from streamdeq.runtime.kinds import EXECUTORS
from streamdeq.runtime.trial import attempt
from streamdeq.runtime.upload import Upload
from streamdeq.solvers import Broyden, Evaluations, solve
from streamdeq.tasks import build_network

CANVAS = (32, 48)
on_a_gpu = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]
RECORDERS = [
    pytest.param(("cpu", record_plain), id="plain"),
    pytest.param(("cuda", record_graph), id="graph", marks=on_a_gpu),
]


def functions(device: str) -> Functions:
    torch.manual_seed(0)
    arch = Architecture((8, 16), groups=4, expansion=2)
    spec = ModelSpec("t", "segmentation", arch, ("a", "b"), ((0, 0, 0),) * 2, 32)
    return Functions(build_network(spec).eval(), spec, torch.device(device), torch.float32)


def problem(made: Functions, rows: int, hw: tuple[int, int] = CANVAS) -> tuple[Latent, tuple[Tensor | None, ...]]:
    """A latent after a step, and its injection; other pictures for another number of rows."""
    generator = torch.Generator().manual_seed(rows)
    pictures = torch.randint(0, 256, (rows, 3, *hw), generator=generator, dtype=torch.uint8)
    injection = made.inject(pictures, hw)
    return made.step(made.zeros(injection), injection), injection


@pytest.fixture(params=RECORDERS)
def replayed(request: pytest.FixtureRequest) -> Replayed:
    device, record = request.param
    made = functions(device)
    return Replayed(made, made.step, record)


def test_a_recorded_step_is_the_step_for_any_number_of_rows_in_any_order(replayed: Replayed) -> None:
    for rows in (1, 3, 2, 4, 1, 3):
        z, injection = problem(replayed.functions, rows)
        expected = replayed.functions.step(z, injection)
        got = replayed.step(z, injection)
        torch.testing.assert_close(got.maps, expected.maps, rtol=1e-5, atol=1e-5)
        assert all(m.is_contiguous(memory_format=torch.channels_last) for m in got.maps)


def test_rows_are_filled_up_so_that_a_few_recordings_do(replayed: Replayed) -> None:
    for rows in range(1, 9):
        replayed.step(*problem(replayed.functions, rows))
    assert sorted(rows for rows, _ in replayed._recorded) == [1, 2, 4, 8]


def test_what_was_returned_stays_when_the_next_step_is_taken(replayed: Replayed) -> None:
    z, injection = problem(replayed.functions, 2)
    first = replayed.step(z, injection)
    kept = first.clone()
    replayed.step(first, injection)
    assert all(torch.equal(a, b) for a, b in zip(first.maps, kept.maps, strict=True))


def test_a_row_does_not_feel_what_fills_its_batch(replayed: Replayed) -> None:
    z, injection = problem(replayed.functions, 4)
    replayed.step(z, injection)  # leaves four rows in the recording's inputs
    three = tuple(None if x is None else x[:3] for x in injection)
    torch.testing.assert_close(
        replayed.step(z[:3], three).maps, replayed.functions.step(z[:3], three).maps, rtol=1e-5, atol=1e-5
    )


def test_recordings_of_many_sizes_give_way_to_new_ones(replayed: Replayed) -> None:
    for n in range(MOST + 2):
        replayed.step(*problem(replayed.functions, 1, (16 + 8 * n, 16)))
    assert len(replayed._recorded) == MOST


def test_a_whole_solve_through_a_recording_comes_to_the_same(replayed: Replayed) -> None:
    z, injection = problem(replayed.functions, 2)
    answers = []
    for own in (replayed.functions, replayed):
        with torch.no_grad():
            answers.append(solve(lambda m, own=own: own.step(m, injection), Broyden(4), z, Evaluations(5)).answer)
    torch.testing.assert_close(answers[1].maps, answers[0].maps, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", ["cuda-graph", "cuda-fused"])
def test_without_a_gpu_it_is_said_what_they_are_for(name: str) -> None:
    assert EXECUTORS[name].missing(functions("cpu")) == "it computes on GPUs; use --device cuda"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("name", ["cuda-graph", "cuda-fused"])
def test_on_a_gpu_they_pass_their_trial(name: str, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAMDEQ_CACHE", str(tmp_path))
    pictures = torch.randint(0, 256, (2, 3, *CANVAS), dtype=torch.uint8)
    _, trial = attempt(name, functions("cuda"), pictures, CANVAS)
    assert trial.problem is None


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=on_a_gpu)])
def test_pictures_arrive_as_they_left_whatever_follows_them(device: str) -> None:
    upload = pickle.loads(pickle.dumps(Upload(torch.device(device))))
    generator = torch.Generator().manual_seed(0)
    sent = [torch.randint(0, 256, (1, 3, 40 + n, 50), generator=generator, dtype=torch.uint8) for n in range(6)]
    arrived = [upload(pictures) for pictures in sent]
    assert all(torch.equal(there.cpu(), here) for there, here in zip(arrived, sent, strict=True))
    assert {there.device.type for there in arrived} == {device}
