"""Depth as a user meets it: the answer, its picture, its score; what it is trained on."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from streamdeq.data.augment.colour import Jitter
from streamdeq.data.augment.settings import Augment
from streamdeq.data.open import open_dataset
from streamdeq.errors import StreamdeqError
from streamdeq.latent import Latent
from streamdeq.models.architecture import Architecture
from streamdeq.models.spec import ModelSpec
from streamdeq.tasks import Choice, build_task
from streamdeq.tasks.depth import Depth
from streamdeq.tasks.depth.head import TYPICAL_M, DepthHead, metres
from streamdeq.tasks.depth.metric import CLOSE, DepthMetric
from streamdeq.tasks.depth.objective import objective
from streamdeq.training.recipes import RECIPES
from streamdeq.values.geometry import Geometry
from streamdeq.values.status import Start, Status

STATUS = Status(3, 0.12, 1, 1, 0.5, Start.WARM)
TASK = build_task(ModelSpec("t", "depth", Architecture((4,), 2), (), (), 32))
TINY = replace(RECIPES["synthetic-tiny"], task="depth", batch=2, crop_hw=(32, 48), size=32)
STREET = "synthetic:labels=depth,clips=2,frames=2,size=32x48"


def depth(metres_: object) -> Depth:
    return Depth(status=STATUS, depth_m=np.array(metres_, np.float32))


# -- the answer ------------------------------------------------------------------------------------------------


def test_what_is_no_depth_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(H, W\) float32; got \(2, 2\) float64"):
        Depth(status=STATUS, depth_m=np.ones((2, 2)))
    with pytest.raises(ValueError, match="above 0; got 0"):
        depth([[1, 0]])
    with pytest.raises(ValueError, match="above 0; got nan"):
        depth([[1, math.nan]])


def test_the_change_from_another_answer_is_how_much_nearer_one_of_them_is() -> None:
    assert depth([[10, 20]]).change_from(depth([[10, 20]])) == 0
    assert depth([[10, 20]]).change_from(depth([[20, 20]])) == depth([[20, 20]]).change_from(depth([[10, 20]])) == 0.25


def test_a_line_of_json_has_the_spread_of_the_depths() -> None:
    record = TASK.record(depth(np.arange(1, 102)[None]))
    assert record == {"depth_m": {"5": 6.0, "25": 26.0, "50": 51.0, "75": 76.0, "95": 96.0}}


def test_near_is_bright_far_is_dark_and_the_legend_says_how_far() -> None:
    drawn = TASK.draw(
        np.zeros((240, 320, 3), np.uint8), depth(np.repeat([[2.0, 10.0, 100.0, 500.0]], 240, 0).repeat(80, 1))
    )
    assert (drawn.shape, drawn.dtype) == ((240, 320, 3), np.uint8)
    light = [int(drawn[10, column].sum()) for column in (10, 90, 170, 250)]
    assert light[0] > light[1] > light[2] == light[3]
    assert drawn[239, 0].sum() < drawn[10, 0].sum() / 2  # the legend's dark ground
    with pytest.raises(StreamdeqError, match="expected the frame the depths are of"):
        TASK.draw(np.zeros((24, 32, 3), np.uint8), depth(np.ones((240, 320))))


def test_there_is_nothing_to_choose() -> None:
    with pytest.raises(StreamdeqError, match="depth has none"):
        TASK.chooser(Choice(conf=0.5))


# -- the score -------------------------------------------------------------------------------------------------


def test_errors_are_relative_and_pixels_without_a_label_do_not_count() -> None:
    metric = DepthMetric()
    metric.update(depth([[11.0, 30.0, 5.0, 8.0]]), np.array([[10.0, 20.0, 5.0, math.nan]]))
    assert metric.compute() == pytest.approx({"AbsRel": 100 * (0.1 + 0.5) / 3, CLOSE: 100 * 2 / 3})
    assert (metric.name, metric.errors) == ("AbsRel", ("AbsRel",))


def test_a_ratio_counts_either_way_and_one_of_a_quarter_is_too_much() -> None:
    metric = DepthMetric()
    metric.update(depth([[12.4, 8.1, 12.5, 8.0]]), np.full((1, 4), 10.0))
    assert metric.compute()[CLOSE] == 50


def test_parts_of_a_split_add_up_to_the_whole() -> None:
    rng = np.random.default_rng(0)
    pairs = [(depth(rng.uniform(1, 50, (4, 6))), rng.uniform(1, 50, (4, 6))) for _ in range(4)]
    whole, parts = DepthMetric(), [DepthMetric(), DepthMetric()]
    for n, pair in enumerate(pairs):
        whole.update(*pair)
        parts[n % 2].update(*pair)
    parts[0].merge(parts[1])
    assert parts[0].compute() == pytest.approx(whole.compute())
    assert whole.figure("AbsRel") == whole.compute()["AbsRel"]
    assert math.isnan(DepthMetric().figure("AbsRel"))


def test_labels_of_another_size_or_that_are_no_depths_are_refused() -> None:
    with pytest.raises(StreamdeqError, match=r"expected depth of the target's size \(2, 2\), got \(1, 1\)"):
        DepthMetric().update(depth([[1]]), np.ones((2, 2)))
    with pytest.raises(StreamdeqError, match=r"expected depths above 0 m, got -1\.0"):
        DepthMetric().update(depth([[1]]), np.array([[-1.0]]))


# -- head and training -----------------------------------------------------------------------------------------


def head_and_latent() -> tuple[DepthHead, Latent]:
    torch.manual_seed(0)
    return DepthHead((4, 8)).eval(), Latent((torch.randn(2, 4, 8, 12), torch.randn(2, 8, 4, 6)))


def test_the_loss_is_the_mean_log_ratio_of_labelled_pixels() -> None:
    head, z = head_and_latent()
    exact = metres(head(z))[:, 0].detach()
    assert head.losses(z, exact)["log_depth"].item() == pytest.approx(0, abs=1e-6)
    assert head.losses(z, 2 * exact)["log_depth"].item() == pytest.approx(math.log(2), rel=1e-5)
    half = (2 * exact).where(torch.arange(12) < 6, torch.nan)
    assert head.losses(z, half)["log_depth"].item() == pytest.approx(math.log(2), rel=1e-5)
    nothing = head.losses(z, torch.full_like(exact, torch.nan))["log_depth"]
    nothing.backward()
    assert nothing.item() == 0
    assert all(p.grad is None or torch.isfinite(p.grad).all() for p in head.parameters())


def test_a_row_of_maps_becomes_metres_of_the_frames_own_pixels() -> None:
    geometry = Geometry.fit((64, 90), 32, 16)
    maps = torch.zeros(1, 1, geometry.canvas_hw[0] // 4, geometry.canvas_hw[1] // 4)
    answer = TASK.decode(maps, geometry, STATUS, TASK.build_head())
    assert isinstance(answer, Depth)
    assert answer.depth_m.shape == (64, 90)
    assert (answer.depth_m == TYPICAL_M).all()


def test_what_a_crop_shows_twice_as_large_is_half_as_far_away() -> None:
    dataset = open_dataset(STREET, "train")
    still = Jitter(0, 0, 0, 0)
    usual = objective(replace(TINY, augment=Augment((1.0, 1.0), 0.0, still)), dataset)
    twice = objective(replace(TINY, augment=Augment((2.0, 2.0), 0.0, still)), dataset)
    far, near = usual.batch(0).targets, twice.batch(0).targets
    assert far.shape == near.shape == (2, 32, 48)
    for whole, part in zip(far, near, strict=True):  # a window of the whole, every pixel twice along each side
        seen = {round(2 * float(v), 3) for v in part[~part.isnan()].unique()}
        assert seen <= {round(float(v), 3) for v in whole[~whole.isnan()].unique()}


def test_a_mirrored_sample_has_mirrored_depth() -> None:
    dataset, still = open_dataset(STREET, "train"), Jitter(0, 0, 0, 0)
    straight, mirrored = (
        objective(replace(TINY, augment=Augment((1.0, 1.0), flip, still)), dataset).batch(0) for flip in (0.0, 1.0)
    )
    assert torch.equal(straight.images.flip(-1), mirrored.images)
    assert torch.equal(straight.targets.flip(-1).nan_to_num(), mirrored.targets.nan_to_num())
    assert straight.weight == float((~straight.targets.isnan()).sum())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"class_weights": "inverse-log-frequency"}, "class_weights must be none for depth"),
        ({"augment": Augment(area_range=(0.5, 1.0))}, r"augment\.area_range must be none for depth"),
    ],
)
def test_what_depth_has_no_use_for_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(StreamdeqError, match=message):
        objective(replace(TINY, **changes), open_dataset(STREET, "train"))
