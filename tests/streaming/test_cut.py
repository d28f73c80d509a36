"""Cut detectors and responses: values that decide from what they are shown, and nothing else."""

import json
import math
import sys
from collections.abc import Sequence

import numpy as np
import pytest
from support.small_models import Contraction, engine_of, frames

from streamdeq.errors import StreamdeqError
from streamdeq.solvers import Picard
from streamdeq.streaming.cut import (
    CutDetector,
    Evidence,
    FromZeros,
    KeepGoing,
    NoCuts,
    PictureCut,
    ResidualCut,
    make_cut_policy,
)
from streamdeq.values.frame import Frame
from streamdeq.values.status import Start

NOTHING = np.zeros((4, 4, 3), np.uint8)


def shown(residual: float, start: Start = Start.WARM) -> Evidence:
    return Evidence(NOTHING, start, lambda: residual)


def seen(image: np.ndarray, start: Start = Start.WARM) -> Evidence:
    def unread() -> float:
        raise AssertionError("the residual was read")

    return Evidence(image, start, unread)


def cuts_in(residuals: Sequence[float], detector: CutDetector | None = None) -> list[int]:
    """The frames called cuts in a stream that starts from zeros."""
    detector = detector or ResidualCut()
    value, found = detector.init(), []
    for t, residual in enumerate(residuals):
        value, is_cut = detector.update(value, shown(residual, Start.WARM if t else Start.COLD))
        found += [t] if is_cut else []
    return found


def pictures(count: int, seed: int) -> list[np.ndarray]:
    """One shot: a coloured pattern that moves by a pixel a frame."""
    rng = np.random.default_rng(seed)
    wide = rng.integers(0, 255, (6, 8, 3)).astype(np.uint8).repeat(8, axis=0).repeat(16, axis=1)
    return [np.ascontiguousarray(wide[:, t : t + 64]) for t in range(count)]


# -- by the residual -----------------------------------------------------------------------------------------


def test_a_jump_of_the_residual_is_a_cut_in_the_frame_where_it_happens():
    assert cuts_in([1.0, 0.7, 0.5, 0.4, 0.4, 0.38, 0.8, 0.6, 0.5, 0.42, 0.4, 0.75, 0.6]) == [6, 11]


def test_a_cut_out_of_fast_motion_is_found_too():
    assert cuts_in([1.0, 0.7, 0.6, 0.56, 0.57, 0.56, 0.56, 0.8]) == [7]


def test_a_start_from_zeros_is_no_cut_and_neither_is_what_follows_it():
    assert cuts_in([1.0, 0.9, 0.95, 0.8, 0.9, 0.85]) == []


def test_a_stream_that_goes_cold_forgets_its_level():
    detector, value = ResidualCut(), (0.2, 0.2, 0.2)
    value, is_cut = detector.update(value, shown(1.0, Start.COLD))
    assert (value, is_cut) == ((1.0,), False)
    assert detector.update(value, shown(0.9)) == ((1.0, 0.9), False)


def test_a_picture_that_begins_to_move_is_no_cut():
    assert cuts_in([1.0, 0.3, 0.1, 0.02, 0.01, 0.01, 0.3, 0.45, 0.4]) == []


def test_a_repeated_frame_raises_no_alarm_when_motion_goes_on():
    assert cuts_in([1.0, 0.7, 0.6, 0.55, 0.3, 0.56, 0.3, 0.57, 0.2, 0.58]) == []


def test_a_slow_rise_is_no_cut():
    assert cuts_in([1.0, *(0.3 * 1.1**t for t in range(12))]) == []


@pytest.mark.parametrize("residual", [math.nan, math.inf])
def test_a_failed_solve_says_nothing(residual: float):
    assert ResidualCut().update((0.4, 0.5), shown(residual)) == ((0.4, 0.5), False)


def test_the_first_frame_of_a_stream_that_begins_warm_is_no_cut():
    assert ResidualCut().update(ResidualCut().init(), shown(0.9)) == ((0.9,), False)


def test_the_value_is_no_longer_than_the_memory():
    detector = ResidualCut(memory=2)
    value = detector.init()
    for residual in (0.1, 0.2, 0.3, 0.4):
        value, _ = detector.update(value, shown(residual))
    assert value == (0.3, 0.4)


def test_a_value_that_went_through_json_goes_on_to_the_same_answers():
    residuals = [1.0, 0.7, 0.5, 0.43, 0.42, 0.81, 0.6, 0.45, 0.4, 0.77]
    detector = ResidualCut()
    value, found = detector.init(), []
    for t, residual in enumerate(residuals):
        value, is_cut = detector.update(tuple(json.loads(json.dumps(value))), shown(residual))
        found += [t] if is_cut else []
    assert found == [5, 9]


@pytest.mark.parametrize("wrong", [{"factor": 1.0}, {"factor": math.nan}, {"floor": -0.1}, {"memory": 0}])
def test_a_detector_that_could_not_work_is_refused_in_one_line(wrong: dict[str, float]):
    with pytest.raises(StreamdeqError, match="expected a factor above 1") as caught:
        ResidualCut(**wrong)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_no_cuts_never_reads_the_residual():
    assert NoCuts().update(NoCuts().init(), seen(NOTHING)) == (None, False)


def test_in_a_real_stream_the_cut_is_found_at_its_first_frame():
    """f(z) = z/2 + x: at a cut the first residual is ‖x' − x‖ / ‖x' + x‖ of two unrelated pictures."""
    engine = engine_of(Contraction(), Picard())
    row, detector = engine.open(), ResidualCut(floor=0.1)
    value, found = detector.init(), []
    film = frames(9, seed=0) + frames(9, seed=1) + frames(9, seed=2)
    for t, frame in enumerate(film):
        engine.observe([row], [Frame(frame.image, t, 0.0)])
        engine.iterate([row])
        assert row.status is not None
        value, is_cut = detector.update(value, Evidence(frame.image, row.status.start, lambda: engine.residual(row)))
        found += [t] if is_cut else []
        for _ in range(3):
            engine.iterate([row])
    assert found == [9, 18]


# -- by the picture ------------------------------------------------------------------------------------------


def test_another_picture_is_a_cut_and_a_moved_one_is_none():
    pytest.importorskip("scenedetect")
    detector = PictureCut()
    value, found = detector.init(), []
    for t, image in enumerate(pictures(6, seed=0) + pictures(6, seed=1)):
        value, is_cut = detector.update(value, seen(image))
        found += [t] if is_cut else []
    assert found == [6]


def test_two_cuts_in_a_row_are_both_found_in_the_picture():
    pytest.importorskip("scenedetect")
    detector = PictureCut()
    value, found = detector.init(), []
    for seed in range(4):
        value, is_cut = detector.update(value, seen(pictures(1, seed)[0]))
        found.append(is_cut)
    assert found == [False, True, True, True]


def test_a_picture_of_another_size_is_not_compared():
    pytest.importorskip("scenedetect")
    value, _ = PictureCut().update(None, seen(pictures(1, seed=0)[0]))
    assert not PictureCut().update(value, seen(pictures(1, seed=1)[0][:40]))[1]


def test_a_cold_frame_is_no_cut_whatever_it_shows():
    pytest.importorskip("scenedetect")
    value, _ = PictureCut().update(None, seen(pictures(1, seed=0)[0]))
    assert not PictureCut().update(value, seen(pictures(1, seed=1)[0], Start.COLD))[1]


def test_without_the_package_the_error_names_the_extra_in_one_line(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "scenedetect", None)
    with pytest.raises(StreamdeqError, match=r"pip install 'streamdeq\[cut\]'") as caught:
        PictureCut().update(None, seen(NOTHING))
    assert "\n" not in str(caught.value)


# -- what then -----------------------------------------------------------------------------------------------


def test_only_from_zeros_restarts():
    restarts: list[str] = []
    KeepGoing(2).begin(lambda: restarts.append("keep"))
    FromZeros(2).begin(lambda: restarts.append("zeros"))
    assert restarts == ["zeros"]


def test_a_policy_is_made_by_the_names_a_user_says():
    assert make_cut_policy().detector == NoCuts()
    policy = make_cut_policy("residual", "zeros", 3)
    assert (policy.detector, policy.response) == (ResidualCut(), FromZeros(3))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("residul",), "residual"),
        (("picture", "zero"), "zeros"),
        (("residual", "continue", -1), "0 or more extra"),
    ],
)
def test_an_unknown_name_shows_the_nearest_and_extra_steps_are_counted_up(names: tuple, message: str):
    with pytest.raises(StreamdeqError, match=message):
        make_cut_policy(*names)
