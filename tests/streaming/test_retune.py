"""A running stream may be asked for something else between two frames."""

import numpy as np
import pytest
from support.small_models import frames, tiny_model

from streamdeq.errors import StreamdeqError
from streamdeq.streaming.budget import Progress
from streamdeq.streaming.timing import Pace, RunningCost, TargetFps
from streamdeq.values.status import Stop


def spent(nfe: int, elapsed_s: float) -> Progress:
    return Progress(nfe, elapsed_s, elapsed_s / nfe, 0.0, lambda: 1.0, lambda: 1.0)


def test_more_iterations_take_effect_with_the_next_frame_and_the_state_is_kept():
    model = tiny_model()
    clip = [f.image for f in frames(4)]
    with model.stream(iterations=1) as stream:
        before = [stream(image).status for image in clip[:2]]
        stream.retune(iterations=5)
        after = [stream(image).status for image in clip[2:]]
    assert [s.iterations for s in (*before, *after)] == [1, 1, 5, 5]
    assert [str(s.start) for s in after] == ["warm", "warm"]


def test_a_retuned_stream_equals_one_that_was_begun_like_that():
    model = tiny_model()
    clip = [f.image for f in frames(3)]
    with model.stream(iterations=3) as asked, model.stream(iterations=1) as retuned:
        retuned.retune(iterations=3)
        for image in clip:
            assert np.array_equal(asked(image).labels, retuned(image).labels)
            assert asked.read().status.residual == retuned.read().status.residual


def test_from_scratch_and_back_again():
    model = tiny_model()
    clip = [f.image for f in frames(5)]
    with model.stream(iterations=2) as stream:
        starts = [str(stream(clip[0]).status.start), str(stream(clip[1]).status.start)]
        stream.retune(start="zeros")
        result = stream(clip[2])
        alone = model.solve(clip[2], iterations=2)
        stream.retune(start="previous")
        starts += [str(result.status.start), *(str(stream(image).status.start) for image in clip[3:])]
    assert starts == ["cold", "warm", "cold", "warm", "warm"]
    assert np.array_equal(result.labels, alone.labels)
    assert result.status.iterations == 2


def test_with_a_budget_it_is_the_cap_that_moves():
    model = tiny_model()
    clip = [f.image for f in frames(2)]
    with model.stream(iterations=4, tolerance=1e-6) as stream:
        first = stream(clip[0]).status
        stream.retune(iterations=2)
        second = stream(clip[1]).status
    assert (first.nfe, second.nfe, second.stopped) == (4, 2, Stop.ITERATIONS)


def test_a_lowered_cap_holds_at_once_for_a_frame_rate_that_had_settled_higher():
    settled = Pace(9, 0, RunningCost(1e-3), RunningCost(1e-3))
    lowered = TargetFps(fps=10, cap=4)
    assert lowered.stop(settled, spent(3, 3e-3)) is None
    assert lowered.stop(settled, spent(4, 4e-3)) is Stop.ITERATIONS
    assert lowered.update(settled, spent(4, 4e-3)).steps == 4


@pytest.mark.parametrize(
    ("change", "line"), [({"iterations": 0}, "iterations must be at least 1; got 0"), ({"start": "zero"}, "zeros")]
)
def test_what_cannot_be_is_refused_and_changes_nothing(change, line):
    with tiny_model().stream(iterations=2) as stream:
        with pytest.raises(StreamdeqError, match=line):
            stream.retune(**change)
        assert stream(frames(1)[0].image).status.iterations == 2
