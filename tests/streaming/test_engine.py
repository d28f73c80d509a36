"""The laws of streaming: no result depends on batch mates, on interleaving, or on how the rows are stored."""

from typing import Any

import numpy as np
import pytest
import torch
from support.small_models import Contraction, distance, engine_of, frames, network_functions

from streamdeq.errors import StreamdeqError
from streamdeq.solvers import Broyden, Picard
from streamdeq.streaming.engine import Engine
from streamdeq.streaming.loop import run_clip
from streamdeq.values.frame import Frame
from streamdeq.values.status import Start

SOLVERS = [Picard(), Broyden(capacity=8)]


def run_alone(engine: Engine, clip: list[Frame], steps: int) -> list:
    return list(run_clip(engine, engine.open(), clip, steps))


@pytest.mark.parametrize("solver", SOLVERS, ids=["picard", "broyden"])
def test_interleaved_streams_of_two_sizes_equal_separate_ones(solver):
    functions, stride = network_functions()
    clips = [frames(4, 1), frames(4, 2, (32, 64)), frames(4, 3)]
    alone = [run_alone(engine_of(functions, solver, None, stride), clip, 3) for clip in clips]
    engine = engine_of(functions, solver, None, stride)
    rows = [engine.open() for _ in clips]
    for t in range(4):
        # Every row sees its frame at another moment, so that one batch holds rows at different steps.
        for n, row in enumerate(rows):
            engine.observe([row], [clips[n][t]])
            engine.iterate([row])
        engine.iterate(rows[::-1])
        engine.iterate(rows)
        for n, answer in enumerate(engine.read(rows)):
            assert distance(answer.z, alone[n][t].z) < 1e-10
            assert answer.status.frame_index == t
            assert answer.status.nfe == 3


@pytest.mark.parametrize("solver", SOLVERS, ids=["picard", "broyden"])
def test_a_batch_of_streams_equals_single_streams(solver):
    functions, stride = network_functions()
    clips = [frames(3, seed) for seed in range(5)]
    alone = [run_alone(engine_of(functions, solver, None, stride), clip, 2) for clip in clips]
    engine = engine_of(functions, solver, None, stride)
    rows = [engine.open() for _ in clips]
    for t in range(3):
        engine.observe(rows, [clip[t] for clip in clips])
        engine.iterate(rows)
        engine.iterate(rows)
        for n, answer in enumerate(engine.read(rows)):
            assert distance(answer.z, alone[n][t].z) < 1e-10


def test_rows_that_begin_in_every_way_at_once_are_as_each_alone():
    functions, stride = network_functions()
    solver, other = Broyden(capacity=8), Broyden(capacity=8)
    clips = [frames(3, seed) for seed in range(6)]

    def run(engines: list[Engine]) -> list:
        """Row 0 and 3 go on, 1 was reset, 2 is new, 4 was stepped by another solver, 5 changes its size."""
        rows = [engine.open() for engine in engines]
        for n, row in enumerate(rows):
            if n != 2:
                engines[n].observe([row], [clips[n][0] if n != 5 else frames(1, 9, (48, 32))[0]])
                engines[n].iterate([row])
        engines[1].reset(rows[1])
        engines[4].restart(rows[4], other)
        engines[4].iterate([rows[4]])
        together: dict[int, tuple[Engine, list[int]]] = {}
        for n, engine in enumerate(engines):
            together.setdefault(id(engine), (engine, []))[1].append(n)
        answers: dict[int, Any] = {}
        for engine, some in together.values():
            for t in (1, 2):
                engine.observe([rows[n] for n in some], [clips[n][t] for n in some])
                engine.iterate([rows[n] for n in some])
            answers.update(zip(some, engine.read([rows[n] for n in some]), strict=True))
        return [answers[n] for n in range(6)]

    one = engine_of(functions, solver, None, stride)
    alone = run([engine_of(functions, solver, None, stride) for _ in range(6)])
    for own, wanted in zip(run([one] * 6), alone, strict=True):
        assert distance(own.z, wanted.z) < 1e-10
        assert own.status.start == wanted.status.start


def test_outputs_say_later_what_they_said_when_the_row_was_read():
    functions, stride = network_functions()
    engine, clip = engine_of(functions, Picard(), None, stride), frames(3, 1)
    rows = [engine.open(), engine.open()]
    engine.observe(rows, clip[:2])
    engine.iterate(rows)
    now, later = engine.read(rows), engine.outputs(rows)
    engine.observe(rows, clip[1:])
    engine.iterate(rows)
    for known, output in zip(now, later, strict=True):
        said = output.answer()
        assert distance(said.z, known.z) == 0
        assert (said.status.frame_index, said.status.nfe) == (known.status.frame_index, 1)
    assert [row.status.frame_index for row in rows if row.status] == [1, 2]


def test_rows_that_come_and_go_leave_their_mates_alone():
    functions, stride = network_functions()
    clip = frames(6, 1)
    expected = run_alone(engine_of(functions, Picard(), None, stride), clip, 1)
    engine = engine_of(functions, Picard(), None, stride)
    kept = engine.open()
    others = []
    for t, frame in enumerate(clip):
        if t % 2 == 0:
            others += [engine.open(), engine.open()]
        else:
            engine.close(others.pop(0))
        engine.observe([*others, kept], [*frames(len(others), 10 + t), frame])
        engine.iterate([*others, kept])
        assert distance(engine.read([kept])[0].z, expected[t].z) < 1e-10


@pytest.mark.parametrize("solver", SOLVERS, ids=["picard", "broyden"])
def test_a_still_frame_streamed_long_enough_is_its_fixed_point(solver):
    engine = engine_of(Contraction(), solver)
    still = frames(1)[0]
    answers = run_alone(engine, [Frame(still.image, t, t / 25) for t in range(50)], 1)
    injection = Contraction().inject(torch.from_numpy(still.image).permute(2, 0, 1)[None], (32, 48))
    for m, x in zip(answers[-1].z.maps, injection, strict=True):
        torch.testing.assert_close(m, 2 * x, rtol=1e-10, atol=1e-10)


def test_steps_from_zeros_follow_the_closed_form_and_the_next_frame_goes_on_from_there():
    engine = engine_of(Contraction(), Picard())
    image = np.full((32, 48, 3), 255, np.uint8)
    first, second = run_alone(engine, [Frame(image, 0, 0.0), Frame(image, 1, 0.04)], 3)
    assert torch.allclose(first.z.maps[0], torch.tensor(2 * (1 - 2.0**-3), dtype=torch.float64))
    assert torch.allclose(second.z.maps[0], torch.tensor(2 * (1 - 2.0**-6), dtype=torch.float64))
    assert (first.status.start, second.status.start) == (Start.COLD, Start.WARM)
    assert first.status.iterations == first.status.nfe == 3
    # ‖f(z) − z‖ / ‖f(z)‖ at the last evaluated point z = 2(1 − 1/4): 1/4 over 7/4.
    assert first.status.residual == pytest.approx(1 / 7, rel=1e-6)


def test_broyden_counts_its_first_evaluation_but_not_as_an_iteration():
    [answer] = run_alone(engine_of(Contraction(), Broyden(capacity=8)), frames(1), 3)
    assert (answer.status.nfe, answer.status.iterations) == (3, 2)


def test_keep_false_starts_from_zeros_as_if_the_frame_were_the_first():
    functions, stride = network_functions()
    clip = frames(2)
    engine = engine_of(functions, Picard(), None, stride)
    row = engine.open()
    for frame in clip:
        engine.observe([row], [frame], keep=False)
        engine.iterate([row])
    [streamed] = engine.read([row])
    [alone] = run_alone(engine_of(functions, Picard(), None, stride), clip[1:], 1)
    assert distance(streamed.z, alone.z) < 1e-12
    assert streamed.status.start is Start.COLD


def test_reset_and_a_change_of_frame_size_start_cold():
    functions, stride = network_functions()
    engine = engine_of(functions, Picard(), None, stride)
    row = engine.open()
    starts = []
    for hw, reset in [((32, 48), False), ((32, 48), False), ((32, 64), False), ((32, 64), True), ((32, 64), False)]:
        if reset:
            engine.reset(row)
        engine.observe([row], frames(1, hw=hw))
        engine.iterate([row])
        [answer] = engine.read([row])
        starts.append(answer.status.start)
        assert answer.geometry.frame_hw == hw
    assert starts == [Start.COLD, Start.WARM, Start.COLD, Start.COLD, Start.WARM]


def test_reading_between_steps_gives_the_answer_so_far_and_says_how_far():
    engine = engine_of(Contraction(), Picard())
    row = engine.open()
    engine.observe([row], frames(1))
    [before] = engine.read([row])
    assert before.status.nfe == 0
    assert before.status.residual != before.status.residual  # NaN: nothing was evaluated
    residuals = []
    for nfe in range(1, 6):
        engine.iterate([row])
        [answer] = engine.read([row])
        assert answer.status.nfe == nfe
        residuals.append(answer.status.residual)
    assert residuals == sorted(residuals, reverse=True)


def test_a_row_that_never_saw_a_frame_is_an_error():
    engine = engine_of(Contraction(), Picard())
    for verb in (engine.iterate, engine.read):
        with pytest.raises(StreamdeqError, match="has not seen a frame"):
            verb([engine.open()])


class Exploding(Contraction):
    """A contraction whose f is NaN for pictures that are all white."""

    def step(self, z, injection):
        value = super().step(z, injection)
        bad = (injection[0].amin(dim=(1, 2, 3)) == 1.0).reshape(-1, 1, 1, 1)
        return value.map(lambda m: torch.where(bad, torch.nan, m))


def test_a_nonfinite_step_fails_its_row_only_and_the_next_frame_starts_cold():
    engine = engine_of(Exploding(), Picard())
    sick, healthy = engine.open(), engine.open()
    white = np.full((32, 48, 3), 255, np.uint8)
    clip = frames(3)
    engine.observe([sick, healthy], [clip[0], clip[0]])
    engine.iterate([sick, healthy])
    engine.observe([sick, healthy], [Frame(white, 1, 0.04), clip[1]])
    engine.iterate([sick, healthy])
    bad, good = engine.read([sick, healthy])
    assert bad.status.failed
    assert all(torch.isfinite(m).all() for m in bad.z.maps)
    assert not good.status.failed
    engine.observe([sick, healthy], [clip[2], clip[2]])
    engine.iterate([sick, healthy])
    recovered, good = engine.read([sick, healthy])
    assert (recovered.status.start, good.status.start) == (Start.COLD, Start.WARM)
    assert not recovered.status.failed


def test_a_nonfinite_step_that_nobody_read_still_leaves_a_cold_start():
    engine = engine_of(Exploding(), Picard())
    row = engine.open()
    white = np.full((32, 48, 3), 255, np.uint8)
    engine.observe([row], [Frame(white, 0, 0.0)])
    engine.iterate([row])
    grey = np.full((32, 48, 3), 51, np.uint8)
    engine.observe([row], [Frame(grey, 1, 0.04)])
    engine.iterate([row])
    [answer] = engine.read([row])
    assert torch.allclose(answer.z.maps[0], torch.tensor(0.2, dtype=torch.float64))
