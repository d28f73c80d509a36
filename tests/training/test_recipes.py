"""Recipes as values, the numbers drawn from them, and what the optimiser makes of them."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from support.small_runs import TINY, data

from streamdeq.codec import differences, from_plain, override, to_plain
from streamdeq.data.randomness import sample_index
from streamdeq.data.readers import cityscapes
from streamdeq.errors import StreamdeqError
from streamdeq.models.architecture import Architecture
from streamdeq.models.mdeq import MDEQ
from streamdeq.tasks.dense import DenseSettings
from streamdeq.tasks.segmentation.loss import Ohem
from streamdeq.tasks.segmentation.objective import class_weights, inverse_log_frequency, objective
from streamdeq.training.optimizers import build_optimizer, learning_rate
from streamdeq.training.recipe import IL, Fixed, Optimizer, Recipe, Uniform
from streamdeq.training.recipes import RECIPES
from streamdeq.training.schedules import Cosine, Poly, Stepwise


def test_stochastic_unrolling_draws_every_number_equally_often_and_repeatably():
    unroll = Uniform(1, 20)
    draws = [unroll.draw(0, step) for step in range(4000)]
    counts = np.bincount(draws, minlength=21)[1:]
    assert counts.min() > 140  # 200 expected, standard deviation 14
    assert counts.max() < 260
    assert draws == [unroll.draw(0, step) for step in range(4000)]
    assert draws != [unroll.draw(1, step) for step in range(4000)]


def test_unrolled_training_is_named_beside_stochastic_and_differs_in_that_alone():
    changed = differences(to_plain(RECIPES["camvid-s-sur"]), to_plain(RECIPES["camvid-s-ur"]))
    assert {key for key, _, _ in changed} == {"name", "unroll.high", "unroll.kind", "unroll.low", "unroll.n"}
    assert RECIPES["camvid-s-ur"].unroll == Fixed(20)


def test_every_sample_is_seen_once_per_epoch_in_another_order():
    first, second = ([sample_index(0, "order", e * 7 + i, 7) for i in range(7)] for e in (0, 1))
    assert sorted(first) == sorted(second) == list(range(7))
    assert first != second


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_recipe_survives_json(name):
    recipe = RECIPES[name]
    assert from_plain(Recipe, json.loads(json.dumps(to_plain(recipe)))) == recipe


def test_a_recipe_of_another_version_names_the_key_it_does_not_know():
    with pytest.raises(StreamdeqError, match="unknown key of Recipe 'stepz'; did you mean 'steps'"):
        from_plain(Recipe, {**to_plain(TINY), "stepz": 1})


def test_settings_reach_into_a_recipe_and_unknown_ones_are_refused():
    changed = override(TINY, ["optimizer.lr=1e-4", "unroll.high=9", "grad_last=none", "crop_hw=64,64"])
    assert (changed.optimizer.lr, changed.unroll, changed.grad_last) == (1e-4, Uniform(1, 9), None)
    with pytest.raises(StreamdeqError, match=r"did you mean 'optimizer\.lr'"):
        override(TINY, ["lr=1e-4"])


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("batch=0", "batch must be at least 1; got 0"),
        ("crop_hw=30,48", "multiples of 8; got 30x48"),
        ("unroll.low=9", "unroll must be 1 <= low <= high"),
        ("precision=fp16", "precision must be auto or fp32 or bf16; got 'fp16'"),
        ("optimizer.name=adam", "optimizer.name must be adamw or sgd; got 'adam'"),
        ("optimizer.nesterov=true", "optimizer.nesterov must be false but for sgd with momentum"),
        ("schedule.final=2", r"schedule.final must be in \[0, 1\]; got 2"),
        ("augment.scale_step=0", "augment.scale_step must be more than 0"),
        ("augment.area_range=0.5,2", "augment.area_range must be 0 < low <= high <= 1"),
        ("class_weights=equal", "class_weights must be none or inverse-log-frequency or cityscapes; got 'equal'"),
        ("ema=1", r"ema must be in \[0, 1\)"),
    ],
)
def test_a_recipe_that_cannot_be_trained_is_refused_in_one_line(setting, message):
    with pytest.raises(StreamdeqError, match=message):
        override(TINY, [setting])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["head.channels=8"], "recipe: head must be DenseSettings or none for segmentation; got DetectorSettings"),
        (["task=classification", "head.width=8"], "recipe: head must be none for classification; got PoseSettings"),
        (["task=pose", "head.hidden=8"], "recipe: head must be PoseSettings or none for pose; got DetectorSettings"),
    ],
)
def test_settings_of_another_tasks_head_are_refused(settings, message):
    with pytest.raises(StreamdeqError, match=f"^{message}$"):
        override(TINY, settings)


def test_the_width_of_a_dense_head_is_a_setting():
    assert override(TINY, ["head.features=8"]).head == DenseSettings(8)


def test_the_learning_rate_rises_linearly_and_falls_as_a_cosine():
    schedule, optimizer = Cosine(warmup=10, final=0.1), Optimizer(lr=2.0)
    recipe = replace(TINY, steps=110, schedule=schedule, optimizer=optimizer)
    rates = [learning_rate(recipe, step) for step in (0, 4, 9, 10, 60, 110)]
    assert rates == pytest.approx([0.2, 1.0, 2.0, 2.0, 2.0 * 0.55, 0.2])
    assert learning_rate(replace(recipe, schedule=Cosine(0)), 55) == pytest.approx(1.0)


def test_the_polynomial_falls_to_zero_with_its_power():
    rates = [learning_rate(replace(TINY, steps=100, schedule=Poly(0.9)), step) for step in (0, 50, 100)]
    assert rates == pytest.approx([0.005, 0.005 * 0.5**0.9, 0.0])


def test_the_detectors_rate_warms_up_from_a_third_and_is_divided_by_ten_twice():
    detector = replace(TINY, optimizer=Optimizer(lr=0.01), schedule=Stepwise((2000, 5000), warmup=500, begin=1 / 3))
    rates = [learning_rate(detector, step) for step in (0, 250, 500, 1999, 2000, 4999, 5000)]
    assert rates == pytest.approx([0.01 / 3, 0.01 * 2 / 3, 0.01, 0.01, 0.001, 0.001, 0.0001])


def test_a_schedule_from_before_there_was_a_choice_is_the_cosine():
    plain = to_plain(replace(TINY, schedule=Cosine(7, 0.1)))
    assert plain["schedule"].pop("kind") == "Cosine"
    assert from_plain(Recipe, plain).schedule == Cosine(7, 0.1)
    for schedule in (Poly(0.5), Stepwise((1, 2))):
        changed = replace(TINY, schedule=schedule)
        assert from_plain(Recipe, json.loads(json.dumps(to_plain(changed)))) == changed


def test_a_group_of_settings_that_is_off_is_switched_on_by_one_of_them():
    assert override(TINY, ["ohem.kept=100"]).ohem == Ohem(kept=100)
    assert override(TINY, ["implicit.backward=9", "grad_last=none"]).implicit == IL(backward=9)


def test_nesterovs_momentum_looks_ahead():
    # One parameter, gradient 1 twice: v is 1, then 1.9; the step is g + 0.9 v.
    network = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.zeros_(network.weight)
    optimizer = build_optimizer(network, Optimizer("sgd", lr=0.1, momentum=0.9, weight_decay=0, nesterov=True))
    for _ in range(2):
        network.weight.grad = torch.ones(1, 1)
        optimizer.step()
    assert network.weight.item() == pytest.approx(-0.1 * ((1 + 0.9) + (1 + 0.9 * 1.9)))


def test_everything_decays_when_asked_to():
    backbone = MDEQ(Architecture((8, 16), groups=4, expansion=2))
    decayed, free = build_optimizer(backbone, Optimizer("sgd", decay_all=True)).param_groups
    assert len(decayed["params"]) == len(list(backbone.parameters()))
    assert free["params"] == []


def test_norms_biases_and_weight_scales_do_not_decay():
    backbone = MDEQ(Architecture((8, 16), groups=4, expansion=2))
    decayed, free = build_optimizer(backbone, Optimizer(weight_decay=0.1)).param_groups
    assert (decayed["weight_decay"], free["weight_decay"]) == (0.1, 0.0)
    names = {id(p): name for name, p in backbone.named_parameters()}
    kernels = {names[id(p)] for p in decayed["params"]}
    rest = {names[id(p)] for p in free["params"]}
    assert all(name.endswith((".weight", "weight_v")) for name in kernels)
    assert not any("gn" in name or "gnorm" in name for name in kernels)
    assert any(name.endswith("weight_g") for name in rest)
    assert len(kernels | rest) == len(names)


def test_class_weights_are_those_of_enet():
    dataset = data("train")
    labels = np.stack([clip.target(t) for clip, t in dataset.samples])
    labels = labels[labels != 255]
    weights = inverse_log_frequency(dataset).tolist()
    expected = [1 / math.log(1.02 + float((labels == c).mean())) for c in range(len(dataset.classes))]
    assert weights == pytest.approx(expected)


def test_the_published_weights_are_for_the_published_classes_alone():
    with pytest.raises(StreamdeqError, match="is for its 19 classes; synthetic has 8 of its own"):
        objective(replace(TINY, class_weights="cityscapes"), data("train"))
    dataset = replace(data("train"), classes=cityscapes.CLASSES, palette=cityscapes.PALETTE)
    weights = class_weights("cityscapes", dataset)
    assert weights.shape == (19,)
    assert weights[[0, 18]].tolist() == pytest.approx([0.8373, 1.0507])


def test_a_batch_depends_on_seed_and_step_only():
    dataset = data("train")
    one, two = objective(TINY, dataset), objective(TINY, dataset)
    two.batch(0)
    a, b = one.batch(3), two.batch(3)
    assert torch.equal(a.images, b.images)
    assert torch.equal(a.targets, b.targets)
    assert a.images.shape == (2, 3, 32, 48)
    assert not torch.equal(a.images, one.batch(4).images)
