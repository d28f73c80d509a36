"""What a run does to a network, and how it ends when the recipe is a bad one."""

from dataclasses import replace

import pytest
import torch
from support.small_runs import TINY, data, lines, resume, settings, steps, tensors, train, trainer

from streamdeq.models.checkpoint import load_tensors, read_weights
from streamdeq.tasks import build_network
from streamdeq.training.checkpoint import NAME, read_header
from streamdeq.training.job import wanted
from streamdeq.training.options import TrainOptions
from streamdeq.training.plan import plan_step
from streamdeq.training.recipe import Fixed
from streamdeq.training.recipes import RECIPES
from streamdeq.training.run import WEIGHTS

PLAIN = replace(TINY, ema=0.0)


def test_the_loss_falls_on_the_tiny_recipe(tmp_path):
    train(tmp_path, replace(RECIPES["synthetic-tiny"], batch=2, steps=40))
    losses = [line["loss"] for line in steps(tmp_path)]
    assert sum(losses[-8:]) < 0.65 * sum(losses[:8])


def test_every_parameter_gets_a_gradient_and_moves(tmp_path):
    running = trainer(tmp_path, PLAIN)
    before = {name: p.detach().clone() for name, p in running.network.named_parameters()}
    for step in range(3):
        running.step(running.objective.batch(step))
    assert [name for name, p in running.network.named_parameters() if torch.equal(p, before[name])] == []


def test_autocast_hides_no_weight_from_the_gradient(tmp_path):
    # The ungraded applications come first: a cache of cast weights filled there would cut these off.
    running = trainer(tmp_path, replace(PLAIN, precision="bf16", unroll=Fixed(6), grad_last=2))
    running.loss(running.objective.batch(0), plan_step(running.recipe, 0)).task.backward()
    missing = [name for name, p in running.network.named_parameters() if p.grad is None or not p.grad.any()]
    assert missing == []


def test_autocast_trains_like_float32(tmp_path):
    for precision in ("fp32", "bf16"):
        train(tmp_path / precision, replace(PLAIN, precision=precision, steps=6))
    pairs = zip(steps(tmp_path / "fp32"), steps(tmp_path / "bf16"), strict=True)
    assert all(a["loss"] == pytest.approx(b["loss"], rel=0.05) for a, b in pairs)


@pytest.mark.parametrize(("hardware", "precision"), [(True, "bf16"), (False, "fp32")])
def test_auto_is_bf16_where_the_processor_computes_in_it(tmp_path, monkeypatch, hardware, precision):
    monkeypatch.setattr("streamdeq.runtime.precision.has_bf16", lambda device: hardware)
    recipe = replace(PLAIN, precision="auto", steps=2)
    train(tmp_path, recipe)
    assert read_header(tmp_path / NAME).recipe.precision == precision
    assert read_weights(tmp_path / WEIGHTS)[0].provenance.recipe["precision"] == precision
    train(tmp_path / "told", replace(recipe, precision=precision))
    assert steps(tmp_path) == steps(tmp_path / "told")


def test_a_run_goes_on_elsewhere_with_the_precision_it_began_with(tmp_path, monkeypatch):
    monkeypatch.setattr("streamdeq.runtime.precision.has_bf16", lambda device: True)
    train(tmp_path, replace(TINY, precision="auto"), stop=lambda: True)
    monkeypatch.setattr("streamdeq.runtime.precision.has_bf16", lambda device: False)
    recipe, _, _, *changes = settings()
    for name, said in ((None, []), (recipe, [*changes, "precision=auto"])):
        assert wanted(TrainOptions(resume=tmp_path), name, said)[1].precision == "bf16"
    assert resume(tmp_path, wanted(TrainOptions(resume=tmp_path), None, [])[1]).state.step == TINY.steps


def test_frozen_norms_keep_the_statistics_they_began_with(tmp_path):
    running = train(tmp_path, replace(TINY, steps=2, freeze_batchnorm=True))
    weights = read_weights(tmp_path / WEIGHTS)[1]
    for name, norm in ((n, m) for n, m in running.network.named_modules() if isinstance(m, torch.nn.BatchNorm2d)):
        assert not weights[f"{name}.running_mean"].any()
        assert torch.equal(weights[f"{name}.running_var"], torch.ones(norm.num_features).half())
        assert weights[f"{name}.weight"].ne(1).any()


def test_unrolled_training_takes_the_fixed_number_in_every_step(tmp_path):
    train(tmp_path, replace(PLAIN, unroll=Fixed(3), steps=3))
    assert [line["unrollings"] for line in steps(tmp_path)] == [3, 3, 3]


def test_validation_is_logged_and_its_figures_go_with_the_weights(tmp_path):
    train(tmp_path, TINY, validation=data("val"), validate_every=5)
    validations = [line for line in lines(tmp_path) if line.get("event") == "validation"]
    assert [line["step"] for line in validations] == [5, 10, 12]
    assert list(validations[-1]["mIoU"]) == ["1", "2", "4", "8", "14", "20"]
    spec, _ = read_weights(tmp_path / WEIGHTS)
    assert spec.provenance.metrics["mIoU val single 4"] == validations[-1]["mIoU"]["4"]


def test_validation_leaves_no_trace_in_the_run(tmp_path):
    train(tmp_path / "without")
    train(tmp_path / "with", validation=data("val"), validate_every=2)
    expected = tensors(tmp_path / "without")
    assert all(torch.equal(t, expected[name]) for name, t in tensors(tmp_path / "with").items())


def test_the_weights_are_the_average_with_statistics_of_their_own(tmp_path):
    running = train(tmp_path)
    spec, weights = read_weights(tmp_path / WEIGHTS)
    network = build_network(spec)
    load_tensors(network, weights, "the run")
    average = running.state.average.tensors
    name = "backbone.fullstage.branches.0.blocks.0.conv1.weight_v"
    assert torch.equal(weights[name], average[name].half())
    norm = "backbone.downsample.1.running_mean"
    assert not torch.allclose(weights[norm].float(), average[norm], rtol=1e-2)
    assert (spec.name, spec.size, spec.provenance.data) == ("synthetic-tiny", 32, "synthetic train")


def test_a_step_that_is_not_finite_is_skipped_and_counted(tmp_path):
    running = trainer(tmp_path, PLAIN)
    before = {name: p.detach().clone() for name, p in running.network.named_parameters()}
    weights = torch.full((8,), float("nan"))
    running.objective = replace(
        running.objective, losses=lambda head, z, targets: head.losses(z, targets, class_weights=weights)
    )
    record = running.step(running.objective.batch(0))
    assert record.skipped
    assert running.guard.skipped == 1
    assert all(torch.equal(p, before[name]) for name, p in running.network.named_parameters())
