"""Recovery from cuts and the detection of cuts, on models that write their own history and films of known cuts."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from support.history_model import SPEC, HistoryMetric, HistoryModel
from support.small_models import Answer, Contraction, StubModel, frames
from torch import Tensor

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.frames import Rendered
from streamdeq.data.targets import Lazy
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.cuts.cases import CutCase, cases_between, cases_of
from streamdeq.evaluation.cuts.clips import CutClip, street_clip, wandering_clip
from streamdeq.evaluation.cuts.detection import CutScore, CutTrace, margins, score_cuts, trace_stream
from streamdeq.evaluation.cuts.recovery import Agreement, RecoveryCurve, frames_to_recover, lost, recover
from streamdeq.latent import Latent
from streamdeq.streaming.cut import FromZeros, KeepGoing, ResidualCut
from streamdeq.streaming.options import StreamOptions
from streamdeq.streaming.state import StreamState
from streamdeq.tasks import Metric
from streamdeq.values.frame import Frame
from streamdeq.values.geometry import Geometry
from streamdeq.values.status import Start, Status


class Forgetful(HistoryModel):
    """A history_model of the last six digits: the frames of the last six applications, fewer from zeros."""

    def step(self, z: Latent, injection: tuple[Tensor, ...]) -> Latent:
        return super().step(z, injection).map(lambda m: m % 1_000_000)


class Lengths(HistoryMetric):
    """Its figure is the number of digits."""

    def compute(self) -> dict[str, float]:
        return {self.name: float(np.mean([len(digits) for _, digits in self.seen]))}


class Reading:
    metric = staticmethod(Lengths)


def history_model() -> StubModel:
    return StubModel(Forgetful(), SPEC, Reading(), stride=4)


@dataclass(frozen=True, eq=False)
class Compared(Answer):
    """An answer that knows the share of entries that differ by more than 0.01."""

    def change_from(self, before: Answer) -> float:
        return float(((self.z.maps[0] - before.z.maps[0]).abs() > 0.01).double().mean())


class ContractionModel(StubModel):
    """A model of drifting noise: its residuals at cuts are small."""

    def __init__(self) -> None:
        super().__init__(Contraction(), SPEC, Reading(), Compared)

    def begin(self, options: StreamOptions, boxes: Any = None) -> StreamState:
        state = super().begin(options, boxes)
        return replace(state, cuts=replace(state.cuts, detector=ResidualCut(floor=0.1)))


def numbered(*numbers: int) -> tuple[np.ndarray, ...]:
    return tuple(np.full((4, 4, 3), number, np.uint8) for number in numbers)


def numbered_clip(name: str, numbers: tuple[int, ...], marked: tuple[int, ...]) -> Clip:
    """Frame `t` is filled with `numbers[t]`, and its target is that number as text."""
    frames = Rendered(len(numbers), lambda t: numbered(numbers[t])[0])
    return Clip(name, 10.0, frames, Lazy(marked, lambda t: f"{numbers[t]}"))


def dataset(split: str, *clips: Clip) -> Dataset:
    return Dataset("numbers", "reading", split, SPEC.classes, SPEC.palette, clips, "")


def _place(frame: Frame) -> tuple[Geometry, Status]:
    hw = frame.image.shape[:2]
    return Geometry.fit(hw, None, 8), Status(0, 0.0, 0, 0, 0.0, Start.COLD)  # type: ignore[arg-type]


def seen(curve: RecoveryCurve) -> list[str]:
    """The digits of the only cut's answers."""
    return [metric.seen[0][1] for metric in curve.metrics]  # type: ignore[attr-defined]


CASE = CutCase(before=numbered(7, 1), lead=numbered(4, 5), after=numbered(2, 3), targets=("two", "three"))


# -- recovery ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("response", "iterations", "nfe", "digits"),
    [
        (None, 1, 1, ["444452", "444523"]),
        (KeepGoing(0), 1, 1, ["777712", "777123"]),
        (KeepGoing(2), 1, 3, ["771222", "712223"]),
        (FromZeros(0), 1, 2, ["2", "23"]),
        (FromZeros(1), 1, 3, ["22", "223"]),
        (None, 2, 2, ["445522", "552233"]),
        (KeepGoing(0), 2, 2, ["771122", "112233"]),
        (FromZeros(0), 2, 3, ["22", "2233"]),
    ],
)
def test_every_response_has_exactly_the_history_it_says(response: Any, iterations: int, nfe: int, digits: list[str]):
    responses = () if response is None else (response,)
    curve = recover(history_model(), [CASE], iterations, responses)[-1]
    assert (curve.response, curve.nfe, seen(curve)) == (response, nfe, digits)


def test_each_frame_is_scored_against_its_own_target_over_all_cuts():
    short = CutCase(numbered(1), (), numbered(6), ("six",))
    [reference, _] = recover(history_model(), [CASE, short], 1, (KeepGoing(),))
    targets = [[target for target, _ in metric.seen] for metric in reference.metrics]  # type: ignore[attr-defined]
    assert targets == [["two", "six"], ["three"]]


def test_without_labels_answers_are_compared_with_the_converged_ones():
    """A stream without a cut and without frames before it begins converged: it is its own measure."""
    images = tuple(frame.image for frame in frames(4, seed=0) + frames(4, seed=1))
    reference, kept, helped = recover(
        ContractionModel(), cases_of(CutClip("noise", images, (4,))), 1, (KeepGoing(), KeepGoing(30))
    )
    assert reference.points[0] == helped.points[0] == 100.0
    assert kept.points[0] < 10
    assert reference.points[1] > kept.points[1]


def test_agreements_of_two_parts_merge_to_that_of_both():
    image, parts, whole = frames(1)[0], [Agreement(), Agreement()], Agreement()
    answers = [Compared(Latent((torch.tensor([[[[a, b]]]]),)), *_place(image)) for a, b in ((0, 0), (0, 1), (1, 1))]
    for part, answer in ((parts[0], answers[0]), (parts[1], answers[1]), (parts[1], answers[2])):
        part.update(answer, answers[0])
        whole.update(answer, answers[0])
    parts[0].merge(parts[1])
    assert parts[0].compute() == whole.compute() == {"agreement": 50.0}


def test_no_cut_is_nothing_to_recover_from():
    with pytest.raises(StreamdeqError, match="at least one cut"):
        recover(history_model(), [], 1)


def test_the_report_is_called_once_a_cut():
    calls: list[int] = []
    recover(history_model(), [CASE, CASE], 1, (), lambda: calls.append(1))
    assert len(calls) == 2


@dataclass
class Given(Metric):
    """A metric of a known figure."""

    value: float
    name: str = "given"

    def update(self, result: Any, target: Any) -> None: ...

    def merge(self, other: Any) -> None: ...

    def compute(self) -> dict[str, float]:
        return {self.name: self.value}


def given(*values: float) -> RecoveryCurve:
    return RecoveryCurve(None, 1, 1, [Given(value) for value in values])


@pytest.mark.parametrize(
    ("values", "recovered"),
    [
        ((50, 50, 50, 50), 0),
        ((20, 49.4, 49.5, 50), 2),
        ((20, 50, 49, 50), 3),
        ((60, 60, 60, 60), 0),
        ((20, 30, 40, 49.4), None),
    ],
)
def test_recovered_is_when_all_later_frames_are_within_half_a_point(values: tuple, recovered: int | None):
    assert frames_to_recover(given(*values), given(50, 50, 50, 50)) == recovered


def test_the_points_lost_are_the_area_between_the_curves():
    assert lost(given(20, 45, 51), given(50, 50, 50)) == 34


# -- cases ---------------------------------------------------------------------------------------------------


def test_the_cuts_of_a_film_know_their_own_shots_only():
    cases = cases_of(CutClip("clip", numbered(0, 1, 2, 3, 4, 5, 6, 7), (3, 6)), frames=4, before=2)
    shown = [[[int(image[0, 0, 0]) for image in part] for part in (j.before, j.lead, j.after)] for j in cases]
    assert shown == [[[1, 2], [], [3, 4, 5]], [[4, 5], [], [6, 7]]]


def test_made_cuts_have_their_lead_and_labels_and_come_from_other_pictures():
    clip = numbered_clip("long", tuple(range(10, 20)), tuple(range(1, 10)))
    donors = dataset("test", numbered_clip("x", (1,), ()), numbered_clip("y", (2, 3), ()))
    cases = cases_between(donors, dataset("val", clip), frames=3, lead=2, every=2)
    assert [int(case.after[0][0, 0, 0]) for case in cases] == [12, 14, 16]
    assert [case.targets for case in cases] == [("12", "13", "14"), ("14", "15", "16"), ("16", "17", "18")]
    assert all(len(case.lead) == 2 for case in cases)
    assert sorted(int(case.before[0][0, 0, 0]) for case in cases) == [1, 2, 3]


def test_clips_that_are_too_short_for_a_cut_are_said_to_be_in_one_line():
    clip = numbered_clip("short", (1, 2, 3), (0, 1, 2))
    with pytest.raises(StreamdeqError, match="at least 23 frames") as caught:
        cases_between(dataset("test", clip), dataset("val", clip))
    assert "\n" not in str(caught.value)


# -- clips ---------------------------------------------------------------------------------------------------


def test_a_street_clip_cuts_where_it_says():
    film = street_clip(3, "train", cuts=1, size="32x48")
    change = [float(np.abs(a.astype(int) - b).mean()) for a, b in zip(film.images, film.images[1:], strict=False)]
    assert sorted(np.argsort(change)[-1:] + 1) == list(film.cuts)
    again = street_clip(3, "train", cuts=1, size="32x48")
    assert all(np.array_equal(a, b) for a, b in zip(film.images, again.images, strict=True))


def test_a_window_wanders_over_one_picture_a_shot():
    def still(number: int) -> Clip:
        ramp = np.arange(48 * 64, dtype=np.uint32).reshape(48, 64)
        image = np.stack([np.full_like(ramp, number), ramp // 256, ramp % 256], axis=2).astype(np.uint8)
        return Clip(f"{number}", 10.0, Rendered(1, lambda t: image), Lazy((0,), str))

    stills = dataset("train", *map(still, range(50)))
    film = wandering_clip(stills, seed=1, shots=4)
    shots = np.split(np.arange(len(film.images)), film.cuts)
    numbers = [{int(film.images[t][0, 0, 0]) for t in shot} for shot in shots]
    assert len(shots) == 4
    assert all(len(number) == 1 for number in numbers)
    for image in film.images:
        assert image.shape == (36, 48, 3)
        corner = int(image[0, 0, 1]) * 256 + int(image[0, 0, 2])
        assert int(image[-1, -1, 1]) * 256 + int(image[-1, -1, 2]) == corner + 35 * 64 + 47


# -- detection -----------------------------------------------------------------------------------------------


def clip_of(length: int, *cuts: int) -> CutClip:
    return CutClip("clip", numbered(*([0] * length)), cuts)


def found(*reports: int) -> list[CutTrace]:
    return [CutTrace(reports, ())]


def test_a_report_one_frame_late_counts_and_a_later_one_is_a_miss_and_an_alarm():
    detection = score_cuts([clip_of(100, 10, 20, 30, 40)], found(10, 21, 32, 70))
    assert detection == CutScore(frames=100, cuts=4, delays=(0, 1), alarms=2, missed=2)
    assert (detection.precision, detection.recall) == (0.5, 0.5)


def test_a_cut_reported_twice_is_a_false_alarm():
    assert score_cuts([clip_of(50, 10)], found(10, 11)).alarms == 1


def test_films_without_cuts_have_no_recall_and_quiet_ones_no_precision():
    detection = score_cuts([clip_of(50)], found())
    assert np.isnan([detection.precision, detection.recall]).all()
    assert (detection.alarms, detection.missed) == (0, 0)


def test_a_stream_under_a_policy_finds_the_cuts_of_a_film():
    shots = [frames(8, seed=seed) for seed in range(3)]
    film = CutClip("drifting noise", tuple(frame.image for shot in shots for frame in shot), (8, 16))
    for on_cut in ("continue", "zeros"):
        trace = trace_stream(ContractionModel(), film, StreamOptions(4, cuts="residual", on_cut=on_cut))
        assert trace.found == (8, 16)
    quiet, cuts = margins([film], [trace], floor=0.0)
    assert quiet < 1.25 < cuts
