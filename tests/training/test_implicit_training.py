"""Implicit training, its warm-up and the Jacobian penalty: what a step plans, and what a run of them does."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from support.small_runs import TINY, data, lines, resume, steps, tensors, train, trainer

from streamdeq.api import Model
from streamdeq.codec import differences, override, to_plain
from streamdeq.errors import StreamdeqError
from streamdeq.implicit import Implicit, Phantom, Unroll, gaussian, jacobian_penalty
from streamdeq.models.checkpoint import read_weights
from streamdeq.solvers import Broyden
from streamdeq.training import checkpoint, session
from streamdeq.training.compute import problem
from streamdeq.training.plan import StepPlan, penalty_weight, plan_step
from streamdeq.training.recipe import IL, Fixed, Penalty, Pretrain, Uniform
from streamdeq.training.recipes import RECIPES
from streamdeq.training.run import WEIGHTS
from streamdeq.training.setup import normalised
from streamdeq.training.validate import single_frame

#: A third of the steps stacked, then solved; with everything that draws numbers.
SOLVED = replace(
    TINY,
    unroll=Uniform(4, 6),
    grad_last=None,
    implicit=IL(backward=6),
    pretrain=Pretrain(steps=4, stacked=2),
    penalty=Penalty(weight=0.5, probability=0.5, pretrain=0.1, vectors=1),
)


def test_a_step_is_stacked_while_the_warm_up_lasts_and_solved_from_then_on():
    warm, solved = plan_step(SOLVED, 3), plan_step(SOLVED, 4)
    assert (warm.iterations, warm.how) == (2, Unroll())
    assert solved.how == Implicit(Broyden(solved.iterations), max_steps=6)
    assert {plan_step(SOLVED, step).iterations for step in range(4, 40)} == {4, 5, 6}


def test_the_phantom_gradient_is_a_setting_and_trains(tmp_path):
    phantom = override(SOLVED, ["implicit.phantom=3", "implicit.damping=0.5"])
    solved = plan_step(phantom, 4)
    assert solved.how == Phantom(3, 0.5, Broyden(solved.iterations))
    losses = [line["loss"] for line in steps(train(tmp_path, phantom).run.folder)]
    assert losses != [line["loss"] for line in steps(train(tmp_path / "theorem", SOLVED).run.folder)]
    assert all(torch.isfinite(torch.tensor(losses)))


def test_without_the_new_settings_a_step_is_what_it_was():
    recipe = RECIPES["camvid-s-sur"]
    for step in range(20):
        expected = StepPlan(recipe.unroll.draw(0, step), Unroll(4), vectors=0)
        assert plan_step(recipe, step) == expected


def test_the_published_recipe_solves_27_forward_and_30_backward_and_the_small_one_half_of_that():
    assert plan_step(RECIPES["cityscapes-xl-il"], 50_000) == StepPlan(
        27, Implicit(Broyden(27), max_steps=30), vectors=0
    )
    assert plan_step(RECIPES["camvid-s-il"], 1000) == StepPlan(14, Implicit(Broyden(14), max_steps=14), vectors=0)


def test_the_variants_that_are_compared_differ_in_the_variant_alone():
    plain = to_plain(RECIPES["camvid-s-sur"])
    changed = {
        name: {key.partition(".")[0] for key, _, _ in differences(plain, to_plain(RECIPES[f"camvid-s-{name}"]))}
        for name in ("ur", "il", "wsu")
    }
    assert changed["ur"] == {"name", "unroll"}
    assert changed["wsu"] == {"name", "streaming"}
    assert changed["il"] == {"name", "unroll", "grad_last", "implicit", "pretrain"}


def test_the_weight_of_the_penalty_rises_after_the_warm_up_and_ends():
    penalty = Penalty(weight=2.5, increase=0.1, every=10, probability=1.0, stop=35, pretrain=0.03)
    recipe = replace(SOLVED, penalty=penalty)
    weights = {step: penalty_weight(recipe, step) for step in (0, 3, 4, 13, 14, 34, 35, 999)}
    assert weights == pytest.approx({0: 0.03, 3: 0.03, 4: 2.5, 13: 2.5, 14: 2.6, 34: 2.8, 35: 0.0, 999: 0.0})


def test_the_penalty_comes_with_its_probability_and_repeatably():
    recipe = replace(SOLVED, penalty=Penalty(probability=0.08))
    applied = [penalty_weight(recipe, step) > 0 for step in range(4, 5004)]
    assert np.mean(applied) == pytest.approx(0.08, abs=0.012)  # standard deviation 0.004
    assert applied == [penalty_weight(recipe, step) > 0 for step in range(4, 5004)]
    assert all(penalty_weight(replace(recipe, penalty=None), step) == 0 for step in range(100))


def test_implicit_training_lowers_the_loss(tmp_path):
    tiny = replace(RECIPES["synthetic-tiny"], batch=2, steps=50, grad_last=None, implicit=IL(backward=10))
    train(tmp_path, replace(tiny, unroll=Fixed(10), pretrain=Pretrain(10, 3)))
    losses = [line["loss"] for line in steps(tmp_path)]
    assert sum(losses[-8:]) < 0.75 * sum(losses[:8])
    assert sum(losses[-8:]) < sum(losses[10:18])


def test_the_weights_say_that_they_are_to_be_run_with_broyden(tmp_path):
    train(tmp_path, replace(SOLVED, steps=5))
    assert read_weights(tmp_path / WEIGHTS)[0].solver == "broyden"


def test_a_step_with_the_penalty_says_so_and_its_loss_is_the_tasks_alone(tmp_path):
    certain = replace(SOLVED.penalty, probability=1.0, pretrain=1000.0)
    for name, penalty in (("with", certain), ("without", None)):
        train(tmp_path / name, replace(SOLVED, penalty=penalty, steps=2))
    with_penalty, without = steps(tmp_path / "with"), steps(tmp_path / "without")
    assert all(line["jacobian"] > 0 for line in with_penalty)
    assert not any("jacobian" in line for line in without)
    assert with_penalty[0]["loss"] == without[0]["loss"]
    assert with_penalty[0]["grad_norm"] > 2 * without[0]["grad_norm"]


def test_a_heavy_penalty_makes_the_jacobian_smaller(tmp_path):
    heavy = Penalty(weight=20.0, probability=1.0, pretrain=20.0)
    sizes = {}
    for name, penalty in (("heavy", heavy), ("none", None)):
        running = train(tmp_path / name, replace(SOLVED, steps=20, ema=0.0, penalty=penalty))
        network = running.network.eval()
        f, start = problem(network, normalised(running.objective.plain(0).images))
        z = plan_step(SOLVED, 9).solve(f, start)[-1]
        torch.manual_seed(0)
        sizes[name] = float(jacobian_penalty(f, z, [gaussian(z) for _ in range(8)]).detach().mean())
    assert sizes["heavy"] < 0.7 * sizes["none"]


def test_an_implicit_run_stopped_in_its_warm_up_goes_on_as_if_it_had_not_been(tmp_path):
    train(tmp_path / "whole", SOLVED)
    calls: list[int] = []
    train(tmp_path / "stopped", SOLVED, stop=lambda: len(calls) == 2 or calls.append(0))
    resume(tmp_path / "stopped", SOLVED)
    ours, expected = tensors(tmp_path / "stopped"), tensors(tmp_path / "whole")
    assert [name for name in expected if not torch.equal(ours[name], expected[name])] == []
    assert steps(tmp_path / "stopped") == steps(tmp_path / "whole")
    assert any("jacobian" in line for line in lines(tmp_path / "whole"))


def test_a_run_from_before_these_settings_is_taken_up(tmp_path):
    calls: list[int] = []
    train(tmp_path, stop=lambda: len(calls) == 5 or calls.append(0))
    path = tmp_path / checkpoint.NAME
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["streamdeq"])
    for name in ("implicit", "pretrain", "penalty"):
        del header["recipe"][name]
    save_file(load_file(path), path, metadata={"streamdeq": json.dumps(header)})
    assert session.past(tmp_path).recipe == TINY
    train(tmp_path / "whole")
    resume(tmp_path)
    assert steps(tmp_path) == steps(tmp_path / "whole")


@pytest.mark.parametrize(("recipe", "solver"), [(SOLVED, "broyden"), (TINY, "picard")], ids=["il", "sur"])
def test_validation_solves_as_the_weights_will_be_run(tmp_path, recipe, solver):
    running, split = trainer(tmp_path, recipe), data("val")
    name, scores = single_frame(running.network, running.spec, split, "fp32", torch.device("cpu"), counts=(1, 3))
    model = Model(running.network, running.spec, "cpu", "fp32")
    for count, score in scores.items():
        metric = model.task.metric()
        for clip, t in split.samples:
            metric.update(model.solve(clip.image(t), count, solver), clip.target(t))
        assert metric.compute()[name] == pytest.approx(score, abs=0.2)  # resized elsewhere, so ties may fall otherwise


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["grad_last=4"], "grad_last must be none with implicit training; got 4"),
        (["implicit.solver=newton"], "implicit.solver must be broyden or picard or unrolled; got 'newton'"),
        (["implicit.backward=0"], "implicit.backward must be at least 1"),
        (["pretrain.stacked=0"], "pretrain.stacked must be at least 1"),
        (["penalty.probability=1.5"], r"penalty.probability must be in \[0, 1\]; got 1.5"),
        (["penalty.every=0"], "penalty.every must be at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(StreamdeqError, match=message):
        override(SOLVED, settings)


def test_the_settings_can_be_changed_on_the_command_line():
    changed = override(RECIPES["camvid-s-il"], ["pretrain.steps=0", "implicit.backward=10", "unroll.n=9"])
    assert (changed.pretrain.steps, changed.implicit, changed.unroll) == (0, IL(backward=10), Fixed(9))
