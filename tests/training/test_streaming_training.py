"""Training for streaming: where a step starts, where its losses are taken, and what that leaves alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from support.small_runs import TINY, resume, steps, tensors, train, trainer

from streamdeq.codec import override
from streamdeq.errors import StreamdeqError
from streamdeq.implicit import Unroll
from streamdeq.latent import Latent
from streamdeq.training.plan import StartKind, StepPlan, plan_step, start_of
from streamdeq.training.recipe import Pretrain, Streaming, Uniform
from streamdeq.training.recipes import RECIPES

EVERYTHING = Streaming(warm=0.4, cut=0.2, noise=0.2, before=Uniform(2, 3), decay=0.5, distil=0.1, settle=3)
STREAMED = replace(TINY, grad_last=2, streaming=EVERYTHING)


def halving(z: Latent) -> Latent:
    """The fixed point is 2."""
    return z.map(lambda m: 0.5 * m + 1)


def point(value: float) -> Latent:
    return Latent((torch.full((1, 1, 1, 1), value, dtype=torch.float64),))


def test_starts_come_with_their_probabilities():
    recipe = replace(TINY, streaming=Streaming(warm=0.5, cut=0.2, noise=0.1))
    starts = [start_of(recipe, step) for step in range(4000)]
    shares = {start: starts.count(start) / 4000 for start in StartKind}
    expected = {StartKind.WARM: 0.5, StartKind.CUT: 0.2, StartKind.NOISE: 0.1, StartKind.ZEROS: 0.2}
    assert shares == pytest.approx(expected, abs=0.025)  # standard deviation 0.008 at the most


def test_the_warm_up_starts_from_zeros_and_is_stacked():
    recipe = replace(STREAMED, pretrain=Pretrain(steps=10, stacked=3))
    assert {plan_step(recipe, step) for step in range(10)} == {StepPlan(3, Unroll(), vectors=0)}
    assert any(plan_step(recipe, step).start is not StartKind.ZEROS for step in range(10, 20))


def test_from_zeros_a_step_goes_as_deep_as_without_streaming_and_warm_as_far_as_it_says():
    for step in range(60):
        plan, plain = plan_step(STREAMED, step), plan_step(replace(STREAMED, streaming=None), step)
        if plan.start in (StartKind.ZEROS, StartKind.NOISE):
            assert (plan.depth, plan.before) == (plain.iterations, 0)
        else:
            assert 1 <= plan.depth <= 4
            assert plan.before in (2, 3)


def test_the_losses_on_the_way_decay_backwards_and_sum_to_one():
    plan = next(p for p in (plan_step(STREAMED, s) for s in range(99)) if p.start is StartKind.WARM and p.depth == 3)
    assert plan.losses == pytest.approx((1 / 7, 2 / 7, 4 / 7))
    assert (plan.iterations, plan.how) == (1, Unroll(1))
    values = [float(z.maps[0]) for z in plan.solve(halving, point(0.0))]
    assert values == [1.0, 1.5, 1.75]


def test_without_decay_there_is_one_loss_at_the_end_and_all_of_a_warm_step_is_graded():
    recipe = replace(STREAMED, streaming=replace(EVERYTHING, decay=0.0))
    plan = next(p for p in (plan_step(recipe, s) for s in range(99)) if p.start is StartKind.WARM and p.depth == 3)
    assert (plan.losses, plan.iterations, plan.how) == ((1.0,), 3, Unroll(3))


def test_a_warm_start_is_where_the_picture_before_leads():
    plan = StepPlan(1, Unroll(), start=StartKind.WARM, before=3)
    start = plan.begin(point(9.0), lambda: (halving, point(0.0)))
    assert float(start.maps[0]) == 1.75
    assert not start.maps[0].requires_grad


def test_noise_is_a_start_of_its_own_and_zeros_ask_for_no_other_picture():
    zeros = Latent((torch.zeros(4, 8, 16, 16),))
    noise = StepPlan(1, Unroll(), start=StartKind.NOISE).begin(zeros, lambda: pytest.fail("asked for a picture"))
    assert float(noise.maps[0].std()) == pytest.approx(1.0, abs=0.05)
    assert StepPlan(1, Unroll()).begin(zeros, lambda: pytest.fail("asked for a picture")) is zeros


def test_the_distance_is_relative_to_the_point_the_model_itself_goes_to():
    plan = StepPlan(1, Unroll(), losses=(0.25, 0.75), distil=0.1, settle=60)
    path = (point(1.0), point(1.5))
    assert float(plan.distance(halving, path)) == pytest.approx(0.25 * 0.25 + 0.75 * 0.0625)
    assert replace(plan, distil=0.0).distance(halving, path) is None


def test_the_pictures_before_are_moved_ones_or_those_of_other_samples(tmp_path):
    running = trainer(tmp_path, STREAMED)
    seen = set()
    for step in range(30):
        batch, start = running.batch(step), start_of(STREAMED, step)
        seen.add(start)
        if start is StartKind.WARM:
            assert batch.before.shape == batch.images.shape
            assert batch.before.dtype == torch.uint8
            differs = (batch.before.float() - batch.images.float()).abs().mean()
            assert 0 < differs < 40
        elif start is StartKind.CUT:
            assert torch.equal(batch.before, batch.images.flip(0))
        else:
            assert batch.before is None
    assert seen == set(StartKind)


def test_pictures_before_leave_the_samples_themselves_as_they_were(tmp_path):
    streamed, plain = (trainer(tmp_path, r) for r in (STREAMED, replace(STREAMED, streaming=None)))
    for step in range(5):
        assert torch.equal(streamed.batch(step).images, plain.batch(step).images)


def test_batchnorm_learns_nothing_from_pictures_before(tmp_path):
    step = next(s for s in range(99) if start_of(STREAMED, s) is StartKind.CUT)
    statistics = []
    for change in (lambda before: before, lambda before: 255 - before):
        running = trainer(tmp_path, STREAMED)
        running.state.step = step
        batch = running.batch(step)
        running.step(replace(batch, before=change(batch.before)))
        buffers = running.network.backbone.downsample[1]
        statistics.append((buffers.running_mean.clone(), int(buffers.num_batches_tracked)))
    assert torch.equal(statistics[0][0], statistics[1][0])
    assert statistics[0][1] == statistics[1][1] == 1


def test_a_streaming_run_learns_says_where_it_started_and_goes_on_after_a_stop(tmp_path):
    recipe = replace(STREAMED, steps=24)
    train(tmp_path / "whole", recipe)
    calls: list[int] = []
    train(tmp_path / "stopped", recipe, stop=lambda: len(calls) == 7 or calls.append(0))
    resume(tmp_path / "stopped", recipe)
    ours, expected = tensors(tmp_path / "stopped"), tensors(tmp_path / "whole")
    assert [name for name in expected if not torch.equal(ours[name], expected[name])] == []
    log = steps(tmp_path / "whole")
    assert {line["start"] for line in log} == {str(start) for start in StartKind}
    assert all(0 < line["distance"] < 10 for line in log)
    assert np.mean([line["loss"] for line in log[-6:]]) < np.mean([line["loss"] for line in log[:6]])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["streaming.warm=0.7", "streaming.cut=0.4"], r"warm \+ cut \+ noise must be at most 1"),
        (["streaming.decay=2"], r"streaming.decay must be in \[0, 1\]; got 2"),
        (["streaming.distil=-1"], "streaming.distil must be at least 0"),
        (["streaming.settle=0"], "streaming.settle must be at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(StreamdeqError, match=message):
        override(STREAMED, settings)


def test_implicit_training_has_no_streaming():
    with pytest.raises(StreamdeqError, match="streaming must be none with implicit training"):
        replace(RECIPES["camvid-s-il"], streaming=Streaming())
