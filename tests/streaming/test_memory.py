"""What an engine holds is what its open rows need."""

import gc

import numpy as np
import pytest
import torch
from support.small_models import Contraction, engine_of, frames
from torch._subclasses import FakeTensor

from streamdeq.solvers import Broyden, Picard
from streamdeq.streaming.engine import Engine
from streamdeq.streaming.loop import run_frames
from streamdeq.values.frame import Frame


def held() -> tuple[int, int]:
    """Tensors in this process that somebody can reach, and their bytes. An export of another test's leaves some of its
    own, which have no numbers."""
    gc.collect()
    tensors = [
        one for one in gc.get_objects() if issubclass(type(one), torch.Tensor) and not isinstance(one, FakeTensor)
    ]
    return len(tensors), sum(one.nbytes for one in tensors)


def one_frame(engine: Engine, hw: tuple[int, int], row=None):
    row = row or engine.open()
    run_frames(engine, [row], [Frame(np.zeros((*hw, 3), np.uint8), 0, 0.0)], 2, read=())
    return row


@pytest.mark.parametrize("solver", [Picard(), Broyden(capacity=2)], ids=["picard", "broyden"])
def test_two_hundred_streams_of_three_hundred_sizes_leave_nothing(solver):
    engine = engine_of(Contraction(), solver)
    nothing = held()
    for n in range(200):
        row = one_frame(engine, (8 + 8 * (n % 20), 8 + 8 * (n % 15)))
        if n % 2:  # the video goes on in another size
            one_frame(engine, (88 + 8 * (n % 20), 80 + 8 * (n % 15)), row)
        engine.close(row)
        if n % 40 == 39:
            assert held() == nothing


def test_streams_open_together_give_back_as_they_close():
    engine = engine_of(Contraction(), Picard())
    nothing = held()
    rows = [one_frame(engine, (8 + n, 16)) for n in range(40)]
    assert held() > nothing
    for row in rows:
        engine.close(row)
    assert held() == nothing


def test_a_row_whose_frames_change_their_size_holds_one_of_them():
    engine = engine_of(Contraction(), Picard())
    row = one_frame(engine, (32, 48))
    alone = held()
    for height in (40, 64, 80, 120, 32):
        one_frame(engine, (height, 48), row)
    assert held() == alone


def test_a_pool_lives_as_long_as_one_of_its_rows():
    engine = engine_of(Contraction(), Picard())
    first, second = engine.open(), engine.open()
    frame = frames(1)[0]
    expected = run_frames(engine, [first, second], [frame, frame], 2)[1]
    engine.close(first)
    [kept] = engine.read([second])
    assert all(torch.equal(a, b) for a, b in zip(kept.z.maps, expected.z.maps, strict=True))


def test_closing_twice_is_closing_once():
    engine = engine_of(Contraction(), Picard())
    row, mate = one_frame(engine, (32, 48)), one_frame(engine, (32, 48))
    engine.close(row)
    engine.close(row)
    new = one_frame(engine, (32, 48))
    assert new.slot != mate.slot
