"""The frame loop equals its three verbs called one by one, and its answers are the known ones."""

import pytest
import torch
from support.small_models import Contraction, distance, engine_of, frames, network_functions

from streamdeq.solvers import Broyden, Picard
from streamdeq.streaming.loop import run_clip, run_frames, run_steps
from streamdeq.values.geometry import Window


def test_an_answer_has_had_its_evaluations():
    engine = engine_of(Contraction(), Picard())
    [frame] = frames(1)
    [answer] = run_frames(engine, [engine.open()], [frame], 3)
    # z = 2x·(1 − 2⁻ᵏ) after k steps from zeros
    [longer] = run_frames(engine, [engine.open()], [frame], 6)
    assert answer.status.nfe == 3
    for z, further in zip(answer.z.maps, longer.z.maps, strict=True):
        assert torch.allclose(z / (1 - 2**-3), further / (1 - 2**-6))


@pytest.mark.parametrize("solver", [Picard(), Broyden(capacity=8)], ids=["picard", "broyden"])
def test_many_rows_in_one_call_get_what_each_gets_alone(solver):
    functions, stride = network_functions()
    clips = [frames(3, seed) for seed in range(3)]
    together, alone = (engine_of(functions, solver, None, stride) for _ in range(2))
    rows = [together.open() for _ in clips]
    expected = [list(run_clip(alone, alone.open(), clip, 2)) for clip in clips]
    for t in range(3):
        answers = run_frames(together, rows, [clip[t] for clip in clips], 2)
        for answer, clip in zip(answers, expected, strict=True):
            assert distance(answer.z, clip[t].z) < 1e-10


def test_going_on_counts_from_where_the_frame_stands():
    engine = engine_of(Contraction(), Picard())
    row, [frame] = engine.open(), frames(1)
    taken = []
    run_frames(engine, [row], [frame], 2, on_step=taken.append)
    [answer] = run_steps(engine, [row], 3, on_step=taken.append)
    assert answer.status.nfe == 5
    assert taken == [0, 1, 2, 1, 2, 3]


def test_only_the_rows_asked_for_are_read():
    engine = engine_of(Contraction(), Picard())
    rows, [frame] = [engine.open(), engine.open()], frames(1)
    assert run_frames(engine, rows, [frame, frame], 1, read=()) == []
    assert len(run_steps(engine, rows, 1, read=rows[1:])) == 1


def test_a_clip_has_a_longer_first_frame_windows_of_its_own_and_unread_frames():
    engine, clip = engine_of(Contraction(), Picard()), frames(4)
    windows = [Window(8 * t, 0, 8 * t + 16, 16) for t in range(4)]
    answers = list(run_clip(engine, engine.open(), clip, 1, windows=windows, first=7))
    assert [answer.status.nfe for answer in answers] == [7, 1, 1, 1]
    assert [answer.geometry.window for answer in answers] == windows
    late = list(run_clip(engine, engine.open(), clip, 1, windows=windows, first=7, skip=2))
    assert [answer.status.frame_index for answer in late] == [2, 3]
    assert distance(late[1].z, answers[3].z) == 0


def test_a_clip_from_zeros_solves_every_frame_alone():
    engine, clip = engine_of(Contraction(), Picard()), frames(3)
    for frame, answer in zip(clip, run_clip(engine, engine.open(), clip, 2, keep=False), strict=True):
        [alone] = run_frames(engine, [engine.open()], [frame], 2)
        assert distance(answer.z, alone.z) == 0
