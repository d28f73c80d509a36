"""Observe, iterate, read by hand: the same answers, budgets and cuts as a stream that is called with frames."""

import itertools
from dataclasses import asdict

import numpy as np
import pytest
from support.small_models import LONG, Contraction, distance, engine_of, frames, tiny_model

from streamdeq.errors import StreamdeqError
from streamdeq.models.architecture import Architecture
from streamdeq.solvers import Picard
from streamdeq.streaming.cut import make_cut_policy
from streamdeq.streaming.options import StreamOptions
from streamdeq.streaming.state import StreamState
from streamdeq.streaming.stream import Stream
from streamdeq.streaming.timing import FrameCosts
from streamdeq.values.frame import Frame
from streamdeq.values.status import Stop

DARK, LIGHT = np.full((32, 48, 3), 10, np.uint8), np.full((32, 48, 3), 250, np.uint8)
SHOTS = [DARK] * 4 + [LIGHT] * 4
TIMES = ("inject_s", "solve_s", "head_s", "decode_s")


def stream_of(options: StreamOptions) -> Stream:
    """Of the contraction, on a clock that goes on by ten seconds whenever it is looked at."""
    engine, ticks = engine_of(Contraction(), Picard()), itertools.count()
    budget = options.budget(options.iterations or 20)
    cuts = make_cut_policy(options.cuts, options.on_cut, options.cut_iterations)
    arch = Architecture((2, 2), groups=2)
    state = StreamState(engine, arch, options, budget, engine.open(), budget.init(), cuts, cuts.detector.init(), *LONG)
    return Stream(state, lambda source: source, clock=lambda: next(ticks) * 10.0)


def by_hand(stream: Stream, image: np.ndarray):
    stream.observe(image)
    while stream.iterate() is None:
        pass
    return stream.read()


OPTIONS = [
    StreamOptions(iterations=3),
    StreamOptions(iterations=9, tolerance=0.1),
    StreamOptions(iterations=2, start="zeros"),
    StreamOptions(iterations=1, start="reference"),
    StreamOptions(iterations=2, cuts="residual"),
    StreamOptions(iterations=2, cuts="residual", on_cut="zeros"),
    StreamOptions(iterations=9, budget_ms=300_000),
    StreamOptions(iterations=9, target_fps=0.002),
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_frame_by_hand_equals_a_call(options):
    hand, called = stream_of(options), stream_of(options)
    for image in SHOTS:
        answer, expected = by_hand(hand, image), called(image)
        assert distance(answer.z, expected.z) == 0
        told, wanted = asdict(answer.status), asdict(expected.status)
        # As text: a change that is not a number yet is like another one.
        assert str({k: v for k, v in told.items() if k not in TIMES}) == str(
            {k: v for k, v in wanted.items() if k not in TIMES}
        )
        assert (hand.state.seen, hand.state.next_index) == (called.state.seen, called.state.next_index)
    assert hand.stats == called.stats


def test_a_cut_found_by_hand_gets_its_extra_steps_and_the_budget_waits_for_them():
    stream = stream_of(StreamOptions(iterations=2, cuts="residual", cut_iterations=3))
    told = [by_hand(stream, image).status for image in SHOTS]
    assert [status.nfe for status in told] == [2] * 4 + [5] + [2] * 3
    assert [status.cut for status in told] == [False] * 4 + [True] + [False] * 3
    assert {status.stopped for status in told} == {Stop.ITERATIONS}


def test_a_cut_that_starts_from_zeros_shows_in_the_answer_at_once():
    stream = stream_of(StreamOptions(iterations=2, cuts="residual", on_cut="zeros", cut_iterations=0))
    for image in SHOTS[:4]:
        by_hand(stream, image)
    stream.observe(LIGHT)
    assert stream.read().z.maps[0].abs().max() > 0  # the old shot's answer still
    assert stream.iterate() is None
    answer = stream.read()
    assert (answer.status.nfe, answer.status.cut, str(answer.status.start)) == (1, True, "cold")
    assert answer.z.maps[0].abs().max() == 0
    assert [stream.iterate(), stream.iterate()] == [None, Stop.ITERATIONS]
    # z = 2x·(1 − 2⁻ᵏ) after k steps from zeros
    assert float(stream.read().z.maps[0].max()) == pytest.approx(2 * 250 / 255 * (1 - 2**-2))


def test_more_steps_than_the_budget_wants_are_taken():
    stream = stream_of(StreamOptions(iterations=2))
    stream.observe(DARK)
    assert [stream.iterate() for _ in range(4)] == [None, *[Stop.ITERATIONS] * 3]
    assert (stream.read().status.nfe, stream.read().status.stopped) == (4, Stop.ITERATIONS)


def test_while_the_budget_wants_more_an_answer_is_not_final():
    stream = stream_of(StreamOptions(iterations=3))
    stream.observe(DARK)
    stream.iterate()
    assert stream.read().status.stopped is None


def test_a_frame_read_often_is_learnt_from_once():
    stream = stream_of(StreamOptions(iterations=9, budget_ms=300_000))
    stream.observe(DARK)
    stream.iterate()
    assert stream.state.value == FrameCosts()
    # The clock goes on once during a step and once during a reading; half of the first time is the deviation.
    for _ in range(3):
        stream.read()
        costs = stream.state.value
        assert (costs.step.mean_s, costs.step.deviation_s) == (10, 5)
        assert costs.head.mean_s == 10


def test_what_is_asked_for_between_frames_is_kept():
    stream = stream_of(StreamOptions(iterations=2))
    by_hand(stream, DARK)
    stream.retune(iterations=4)
    stream.read()
    assert by_hand(stream, DARK).status.nfe == 4


def test_a_fixed_budget_by_hand_reads_nothing_from_the_device(monkeypatch):
    stream = stream_of(StreamOptions(iterations=2))
    monkeypatch.setattr(type(stream.state.engine), "residual", lambda *_: pytest.fail("the residual was read"))
    monkeypatch.setattr(type(stream.state.engine), "read", lambda *_: pytest.fail("an answer was read"))
    stream.observe(DARK)
    assert [stream.iterate(), stream.iterate()] == [None, Stop.ITERATIONS]


def test_a_stream_without_a_frame_says_what_to_do():
    with tiny_model().stream() as stream:
        with pytest.raises(StreamdeqError, match="observe one before"):
            stream.iterate()
        with pytest.raises(StreamdeqError, match="observe one before"):
            stream.read()


def test_a_step_after_frames_by_hand_goes_on_from_them():
    hand, called = stream_of(StreamOptions(iterations=2)), stream_of(StreamOptions(iterations=2))
    images = [frame.image for frame in frames(3)]
    by_hand(hand, images[0])
    called(images[0])
    assert distance(hand.step(Frame(images[1], 1, 0.0)).z, called(images[1]).z) == 0
    assert distance(by_hand(hand, images[2]).z, called(images[2]).z) == 0
