"""Bootstrap intervals: against closed forms, on series of known correlation, and frame by frame for mIoU."""

from dataclasses import dataclass

import numpy as np
import pytest

from streamdeq.errors import StreamdeqError
from streamdeq.evaluation.bootstrap import Interval, Resamples, interval, resample
from streamdeq.evaluation.protocol.plan import Sample
from streamdeq.tasks import Metric
from streamdeq.tasks.segmentation.metric import ConfusionMatrix
from streamdeq.tasks.segmentation.task import SegmentationMetric

CLASSES = ("sky", "road", "car")


@dataclass
class Mean(Metric):
    """The mean of all numbers given."""

    total: float = 0.0
    count: int = 0
    name: str = "mean"

    def update(self, result: float, target: object = None) -> None:
        self.total, self.count = self.total + result, self.count + 1

    def merge(self, other: "Mean") -> None:
        self.total, self.count = self.total + other.total, self.count + other.count

    def compute(self) -> dict[str, float]:
        return {self.name: self.total / self.count if self.count else float("nan")}


def stills(count: int) -> list[Sample]:
    """Frames that have nothing to do with one another."""
    return [Sample(clip, 0) for clip in range(count)]


def film(count: int, clip: int = 0) -> list[Sample]:
    return [Sample(clip, t) for t in range(count)]


def pieces(samples: list[Sample], values: np.ndarray) -> dict[Sample, Mean]:
    return {sample: Mean(float(value), 1) for sample, value in zip(samples, values, strict=True)}


def correlated(count: int, phi: float, rng: np.random.Generator) -> np.ndarray:
    """A stationary AR(1) series of variance 1: neighbours correlate by phi."""
    values = np.empty(count)
    values[0] = rng.normal()
    for n in range(1, count):
        values[n] = phi * values[n - 1] + np.sqrt(1 - phi**2) * rng.normal()
    return values


def test_for_independent_frames_the_interval_is_that_of_the_normal_distribution():
    rng = np.random.default_rng(0)
    values = rng.normal(50, 4, 100)
    found = interval(resample(stills(100), 2000).figures(pieces(stills(100), values)))
    half = 1.96 * values.std() / np.sqrt(100)
    assert found is not None
    assert found.low == pytest.approx(values.mean() - half, abs=0.1 * half)
    assert found.high == pytest.approx(values.mean() + half, abs=0.1 * half)


def test_blocks_find_the_spread_of_a_correlated_clip_where_single_frames_find_a_third_of_it():
    """The mean of n values of an AR(1) series has the variance (1 + phi) / (1 − phi) / n for large n."""
    count, phi, rng = 400, 0.8, np.random.default_rng(1)
    truth = np.sqrt((1 + phi) / (1 - phi) / count)
    spreads: dict[int | None, list[float]] = {None: [], 1: []}
    for _ in range(8):
        values = pieces(film(count), correlated(count, phi, rng))
        for length, found in spreads.items():
            found.append(resample(film(count), 200, length).figures(values).std())
    assert 0.75 * truth < np.mean(spreads[None]) < 1.05 * truth
    assert np.mean(spreads[1]) < 0.4 * truth


def test_the_interval_leaves_two_and_a_half_in_a_hundred_outside_on_either_side():
    found = interval(np.arange(1001.0))
    assert found is not None
    assert (found.low, found.high) == (pytest.approx(25), pytest.approx(975))


def test_resamples_without_a_figure_are_left_out_and_none_at_all_is_no_interval():
    assert interval(np.array([np.nan, 1.0, np.nan, 3.0]), level=1.0) == Interval(1.0, 3.0)
    assert interval(np.full(5, np.nan)) is None


def test_equal_frames_leave_no_doubt():
    found = interval(resample(film(30)).figures(pieces(film(30), np.full(30, 7.0))))
    assert found == Interval(7.0, 7.0)


def test_the_miou_of_a_resample_is_that_of_its_pixels_in_one_matrix():
    rng = np.random.default_rng(2)
    samples = film(12) + film(5, clip=1)
    shown = {sample: rng.integers(0, 3, (2, 6, 8)) for sample in samples}
    metrics = {sample: SegmentationMetric(CLASSES) for sample in samples}
    for sample, (labels, target) in shown.items():
        metrics[sample].matrix.update(labels, target)
    before = {sample: metric.matrix.counts.clone() for sample, metric in metrics.items()}
    drawn = resample(samples, resamples=7)
    for figure, numbers in zip(drawn.figures(metrics), drawn.draws, strict=True):
        whole = ConfusionMatrix(3)
        for number in numbers:
            for sample in drawn.blocks[number]:
                whole.update(*shown[sample])
        assert figure == whole.miou
    assert all(metric.matrix.counts.equal(before[sample]) for sample, metric in metrics.items())


def test_blocks_are_neighbours_of_one_clip_around_its_end_and_a_short_clip_is_one_block():
    drawn = resample(film(4) + film(2, clip=1) + film(1, clip=2), resamples=1, length=3)
    times = [[(sample.clip, sample.t) for sample in block] for block in drawn.blocks]
    assert times == [
        [(0, 0), (0, 1), (0, 2)], [(0, 1), (0, 2), (0, 3)], [(0, 2), (0, 3), (0, 0)], [(0, 3), (0, 0), (0, 1)],
        [(1, 0), (1, 1)], [(1, 1), (1, 0)],
        [(2, 0)],
    ]  # fmt: skip


def test_clips_of_one_film_are_its_frames_and_what_they_show_of_a_frame_is_drawn_together():
    first, second = Sample(0, 3), Sample(1, 3)  # two instances of a frame, a clip each
    later, elsewhere = Sample(2, 4), Sample(3, 0)
    drawn = resample([first, second, later, elsewhere], resamples=1, length=2, films=(0, 0, 0, 1))
    assert list(drawn.blocks) == [(first, second, later), (later, first, second), (elsewhere,)]
    alone = resample([first, second, later, elsewhere], resamples=1)
    assert [len(block) for block in alone.blocks] == [1, 1, 1, 1]


def test_a_block_is_as_long_as_the_root_of_the_longest_clip():
    assert resample(film(81)).length == 9
    assert resample(film(81)).draws.shape == (1000, 9)
    assert resample(film(5) + film(41, clip=1)).length == 6
    assert resample(stills(500)).length == 1
    assert resample(stills(500)).draws.shape == (1000, 500)


def test_every_frame_is_drawn_once_a_resample_on_average_however_long_its_clip_is():
    samples = film(20) + film(3, clip=1) + film(1, clip=2)
    drawn = resample(samples, resamples=10_000, length=5)
    counts = dict.fromkeys(samples, 0)
    for number, times in enumerate(np.bincount(drawn.draws.ravel(), minlength=len(drawn.blocks))):
        for sample in drawn.blocks[number]:
            counts[sample] += int(times)
    assert np.array(list(counts.values())) / 10_000 == pytest.approx(np.ones(24), abs=0.05)


def test_the_same_seed_draws_the_same_and_another_one_does_not():
    def draws(drawn: Resamples) -> list[list[int]]:
        return drawn.draws.tolist()

    assert draws(resample(film(81))) == draws(resample(film(81)))
    assert draws(resample(film(81))) == draws(resample(film(81)[::-1]))
    assert draws(resample(film(81))) != draws(resample(film(81), seed=1))


@pytest.mark.parametrize(("resamples", "length"), [(0, None), (10, 0)])
def test_nothing_drawn_is_refused(resamples: int, length: int | None):
    with pytest.raises(StreamdeqError, match="at least 1 resample and blocks of at least 1 frame"):
        resample(film(3), resamples, length)
