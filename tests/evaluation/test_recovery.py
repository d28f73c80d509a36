"""Recovery from cuts and the detection of cuts, on models that write their own history and films of known cuts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from support.history_model import SPEC, HistoryMetric, HistoryModel
from support.small_models import Answer, Contraction, frames
from torch import Tensor

from streamdeq.data.base import Clip, Dataset
from streamdeq.data.frames import Rendered
from streamdeq.data.targets import Lazy
from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.chart import Chart, Line, draw, ticks
from streamdeq.evaluation.detection import Detection, look, margins, score, watch
from streamdeq.evaluation.films import Film, street_film, wandering_film
from streamdeq.evaluation.jumps import jumps_between, jumps_in
from streamdeq.evaluation.recovery import Agreement, Curve, Jump, frames_to_recover, lost, recover
from streamdeq.latent import Latent
from streamdeq.solvers import Picard, Solver
from streamdeq.streaming.cut import CutDetector, CutPolicy, Evidence, FromZeros, KeepGoing, ResidualCut, make_cut_policy
from streamdeq.streaming.engine import Engine
from streamdeq.streaming.options import StreamOptions
from streamdeq.streaming.state import StreamState
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


class HistorianModel:
    spec = SPEC
    task: Any = Reading()

    def engine(self, solver: Solver, size: Any = None) -> Engine:
        return Engine(Forgetful(), solver, Answer, None, 4)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Compared(Answer):
    """An answer that knows the share of entries that differ by more than 0.01."""

    def change_from(self, before: Answer) -> float:
        return float(((self.z.maps[0] - before.z.maps[0]).abs() > 0.01).double().mean())


class ContractionModel:
    spec = SPEC
    task: Any = Reading()

    def engine(self, solver: Solver, size: Any = None) -> Engine:
        return Engine(Contraction(), solver, Compared, None, 8)  # type: ignore[arg-type]

    def begin(self, options: StreamOptions) -> StreamState:
        engine, budget = self.engine(Picard()), options.budget(options.iterations or 1)
        cuts = CutPolicy(ResidualCut(floor=0.1), make_cut_policy("residual", options.on_cut).response)
        return StreamState(
            engine, SPEC.architecture, options, budget, engine.open(), budget.init(), cuts, cuts.detector.init()
        )


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


def seen(curve: Curve) -> list[str]:
    """The digits of the only jump's answers."""
    return [metric.seen[0][1] for metric in curve.metrics]  # type: ignore[attr-defined]


JUMP = Jump(before=numbered(7, 1), lead=numbered(4, 5), after=numbered(2, 3), targets=("two", "three"))


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
    curve = recover(HistorianModel(), [JUMP], iterations, responses)[-1]
    assert (curve.response, curve.nfe, seen(curve)) == (response, nfe, digits)


def test_each_frame_is_scored_against_its_own_target_over_all_jumps():
    short = Jump(numbered(1), (), numbered(6), ("six",))
    [reference, _] = recover(HistorianModel(), [JUMP, short], 1, (KeepGoing(),))
    targets = [[target for target, _ in metric.seen] for metric in reference.metrics]  # type: ignore[attr-defined]
    assert targets == [["two", "six"], ["three"]]


def test_without_labels_answers_are_compared_with_the_converged_ones():
    """A stream without a cut and without frames before it begins converged: it is its own measure."""
    images = [frame.image for frame in frames(4, seed=0) + frames(4, seed=1)]
    reference, kept, helped = recover(ContractionModel(), jumps_in(images, [4]), 1, (KeepGoing(), KeepGoing(30)))
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
        recover(HistorianModel(), [], 1)


def test_the_report_is_called_once_a_jump():
    calls: list[int] = []
    recover(HistorianModel(), [JUMP, JUMP], 1, (), lambda: calls.append(1))
    assert len(calls) == 2


@dataclass
class Given:
    """A metric of a known figure."""

    value: float
    name: str = "given"

    def update(self, result: Any, target: Any) -> None: ...

    def merge(self, other: Any) -> None: ...

    def compute(self) -> dict[str, float]:
        return {self.name: self.value}


def given(*values: float) -> Curve:
    return Curve(None, 1, 1, [Given(value) for value in values])


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


# -- jumps ---------------------------------------------------------------------------------------------------


def test_the_cuts_of_a_film_know_their_own_shots_only():
    jumps = jumps_in(numbered(0, 1, 2, 3, 4, 5, 6, 7), cuts=[3, 6], frames=4, before=2)
    shown = [[[int(image[0, 0, 0]) for image in part] for part in (j.before, j.lead, j.after)] for j in jumps]
    assert shown == [[[1, 2], [], [3, 4, 5]], [[4, 5], [], [6, 7]]]


def test_made_cuts_have_their_lead_and_labels_and_come_from_other_pictures():
    clip = numbered_clip("long", tuple(range(10, 20)), tuple(range(1, 10)))
    donors = dataset("test", numbered_clip("x", (1,), ()), numbered_clip("y", (2, 3), ()))
    jumps = jumps_between(donors, dataset("val", clip), frames=3, lead=2, every=2)
    assert [int(jump.after[0][0, 0, 0]) for jump in jumps] == [12, 14, 16]
    assert [jump.targets for jump in jumps] == [("12", "13", "14"), ("14", "15", "16"), ("16", "17", "18")]
    assert all(len(jump.lead) == 2 for jump in jumps)
    assert sorted(int(jump.before[0][0, 0, 0]) for jump in jumps) == [1, 2, 3]


def test_clips_that_are_too_short_for_a_cut_are_said_to_be_in_one_line():
    clip = numbered_clip("short", (1, 2, 3), (0, 1, 2))
    with pytest.raises(StreamdeqError, match="at least 23 frames") as caught:
        jumps_between(dataset("test", clip), dataset("val", clip))
    assert "\n" not in str(caught.value)


# -- films ---------------------------------------------------------------------------------------------------


def test_a_street_film_cuts_where_it_says():
    film = street_film(3, "train", cuts=1, size="32x48")
    change = [float(np.abs(a.astype(int) - b).mean()) for a, b in zip(film.images, film.images[1:], strict=False)]
    assert sorted(np.argsort(change)[-1:] + 1) == list(film.cuts)
    again = street_film(3, "train", cuts=1, size="32x48")
    assert all(np.array_equal(a, b) for a, b in zip(film.images, again.images, strict=True))


def test_a_window_wanders_over_one_picture_a_shot():
    def still(number: int) -> Clip:
        ramp = np.arange(48 * 64, dtype=np.uint32).reshape(48, 64)
        image = np.stack([np.full_like(ramp, number), ramp // 256, ramp % 256], axis=2).astype(np.uint8)
        return Clip(f"{number}", 10.0, Rendered(1, lambda t: image), Lazy((0,), str))

    stills = dataset("train", *map(still, range(50)))
    film = wandering_film(stills, seed=1, shots=4)
    shots = np.split(np.arange(len(film.images)), film.cuts)
    numbers = [{int(film.images[t][0, 0, 0]) for t in shot} for shot in shots]
    assert len(shots) == 4
    assert all(len(number) == 1 for number in numbers)
    for image in film.images:
        assert image.shape == (36, 48, 3)
        corner = int(image[0, 0, 1]) * 256 + int(image[0, 0, 2])
        assert int(image[-1, -1, 1]) * 256 + int(image[-1, -1, 2]) == corner + 35 * 64 + 47


# -- detection -----------------------------------------------------------------------------------------------


def film_of(length: int, *cuts: int) -> Film:
    return Film("film", numbered(*([0] * length)), cuts)


def test_a_report_one_frame_late_counts_and_a_later_one_is_a_miss_and_an_alarm():
    detection = score([film_of(100, 10, 20, 30, 40)], [(10, 21, 32, 70)])
    assert detection == Detection(frames=100, cuts=4, delays=(0, 1), alarms=2, missed=2)
    assert (detection.precision, detection.recall) == (0.5, 0.5)


def test_a_cut_reported_twice_is_a_false_alarm():
    assert score([film_of(50, 10)], [(10, 11)]).alarms == 1


def test_films_without_cuts_have_no_recall_and_quiet_ones_no_precision():
    detection = score([film_of(50)], [()])
    assert np.isnan([detection.precision, detection.recall]).all()
    assert (detection.alarms, detection.missed) == (0, 0)


def test_a_stream_under_a_policy_finds_the_cuts_of_a_film():
    shots = [frames(8, seed=seed) for seed in range(3)]
    film = Film("drifting noise", tuple(frame.image for shot in shots for frame in shot), (8, 16))
    for on_cut in ("continue", "zeros"):
        watched = watch(ContractionModel(), film, StreamOptions(4, cuts="residual", on_cut=on_cut))
        assert watched.found == (8, 16)
    quiet, cuts = margins([film], [watched], floor=0.0)
    assert quiet < 1.25 < cuts


@dataclass(frozen=True)
class Brighter(CutDetector):
    """A cut is what is brighter than the frame before."""

    def update(self, value: int | None, evidence: Evidence) -> tuple[int, bool]:
        now = int(evidence.image[0, 0, 0])
        return now, value is not None and now > value


def test_a_detector_of_pictures_needs_no_model():
    assert look(Film("film", numbered(3, 3, 5, 4, 6), (2, 4)), Brighter()).found == (2, 4)


# -- charts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 12, (0, 2, 4, 6, 8, 10, 12)), (24.3, 54.6, (20, 30, 40, 50, 60)), (0.1, 0.1, (0.1, 0.12))],
)
def test_ticks_are_round_and_enclose_the_figures(low: float, high: float, expected: tuple[float, ...]):
    found = ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert found[: len(expected)] == pytest.approx(expected)


def test_a_line_is_drawn_where_its_figures_are_and_not_where_there_are_none():
    red = (200, 0, 0)
    line = Line("half", ((0, 0.5), (4, 0.5), (5, float("nan")), (6, 0.5), (10, 0.5)), red)
    picture = np.asarray(draw(Chart("title", "x", "y", (line,), y_range=(0, 1)), (400, 200)))
    assert picture.shape == (200, 400, 3)
    inked = (picture[:, :290] == red).all(axis=2)
    rows, columns = np.nonzero(inked)
    middle = (54 + 152) / 2
    assert abs(rows.mean() - middle) < 2
    left, right = 58, 400 * 0.74
    missing = [round(left + x / 10 * (right - left)) for x in (4.5, 5, 5.5)]
    assert inked.any(axis=0)[[round(left + x / 10 * (right - left)) for x in (1, 3, 7, 9)]].all()
    assert not np.isin(missing, columns).any()


def test_a_dashed_line_of_many_small_pieces_shows_half_of_itself():
    red = (200, 0, 0)
    line = Line("half", tuple((x / 20, 0.5) for x in range(201)), red, dashed=True)
    picture = np.asarray(draw(Chart("title", "x", "y", (line,), y_range=(0, 1)), (400, 200)))
    shown = (picture[:, 59:295] == red).all(axis=2).any(axis=0)
    assert 0.3 < shown.mean() < 0.6
