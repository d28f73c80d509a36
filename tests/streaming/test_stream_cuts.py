"""A stream whose shot changes: the cut is found in its first frame, and that frame gets what the options say."""

import numpy as np
import pytest
from support.small_models import LONG, Contraction, engine_of, tiny_model

from streamdeq.errors import StreamdeqError
from streamdeq.models.architecture import Architecture
from streamdeq.solvers import Picard
from streamdeq.streaming.advance import advance
from streamdeq.streaming.cut import make_cut_policy
from streamdeq.streaming.options import StreamOptions
from streamdeq.streaming.state import StreamState
from streamdeq.values.frame import Frame

DARK, LIGHT = np.full((32, 48, 3), 10, np.uint8), np.full((32, 48, 3), 250, np.uint8)
SHOTS = [DARK] * 8 + [LIGHT] * 8 + [DARK] * 4


def statuses(options: StreamOptions):
    engine = engine_of(Contraction(), Picard())
    budget, cuts = (
        options.budget(options.iterations),
        make_cut_policy(options.cuts, options.on_cut, options.cut_iterations),
    )
    arch = Architecture((2, 2), groups=2)
    state = StreamState(engine, arch, options, budget, engine.open(), budget.init(), cuts, cuts.detector.init(), *LONG)
    told = []
    for t, image in enumerate(SHOTS):
        answer, state = advance(Frame(image, t, t / 25), state)
        told.append(answer.status)
    return told


def test_cuts_are_found_in_their_first_frame_and_nowhere_else():
    told = statuses(StreamOptions(iterations=2, cuts="residual"))
    assert [t for t, status in enumerate(told) if status.cut] == [8, 16]


def test_going_on_gives_the_first_frame_of_a_shot_extra_steps_from_the_old_state():
    told = statuses(StreamOptions(iterations=2, cuts="residual", cut_iterations=3))
    assert [status.nfe for status in told] == [2] * 8 + [5] + [2] * 7 + [5] + [2] * 3
    assert [t for t, status in enumerate(told) if str(status.start) == "cold"] == [0]


def test_starting_from_zeros_counts_the_evaluation_that_showed_the_cut():
    told = statuses(StreamOptions(iterations=2, cuts="residual", on_cut="zeros", cut_iterations=3))
    assert [status.nfe for status in told] == [2] * 8 + [6] + [2] * 7 + [6] + [2] * 3
    assert [t for t, status in enumerate(told) if str(status.start) == "cold"] == [0, 8, 16]
    # 5 steps from zeros: the relative residual at the last evaluated point is 2⁻⁴/(2 − 2⁻⁴).
    assert told[8].residual == pytest.approx(2**-4 / (2 - 2**-4), rel=1e-6)


def test_without_a_detector_nothing_changes():
    told = statuses(StreamOptions(iterations=2))
    assert not any(status.cut for status in told)
    assert {status.nfe for status in told} == {2}


def test_the_detectors_memory_is_part_of_a_saved_state(tmp_path):
    model = tiny_model()
    state = model.begin(StreamOptions(iterations=1, cuts="residual"))
    for t in range(3):
        _, state = model.step(Frame(DARK, t, t / 25), state)
    state.save(tmp_path / "state.safetensors")
    assert model.restore(tmp_path / "state.safetensors").seen == state.seen


@pytest.mark.parametrize("options", [{"cuts": "sound"}, {"on_cut": "stop"}, {"cut_iterations": -1}])
def test_what_a_cut_policy_does_not_know_is_refused_in_one_line(options):
    with pytest.raises(StreamdeqError) as caught:
        StreamOptions(**options)
    assert "\n" not in str(caught.value)
