"""A run that goes wrong ends with one line, its last good checkpoint and no weights; one bad batch is undone."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.small_runs import DATA, TINY, command, lines, steps, tensors, train, trainer

from streamdeq.codec import from_plain
from streamdeq.data.sampling import Batch
from streamdeq.errors import StreamdeqError
from streamdeq.models.checkpoint import read_weights
from streamdeq.training import checkpoint, session
from streamdeq.training.guard import Guard
from streamdeq.training.loop import run_training
from streamdeq.training.recipes import RECIPES
from streamdeq.training.run import WEIGHTS
from streamdeq.training.trainer import Trainer

KINDS = ["synthetic-tiny", "synthetic-tiny-ur", "synthetic-tiny-il"]
PLAIN = replace(TINY, ema=0.0)


def run(folder: Path, recipe: str, *settings: str) -> int:
    shorter = ["implicit.backward=4", "unroll=4"] if recipe.endswith("-il") else []
    given = ["--data", DATA, "--out", str(folder), "--checkpoint-every", "0", "batch=2", *shorter, *settings]
    return command(recipe, *given)


def assert_kept(folder: Path) -> int:
    """The checkpoint is whole and there are no weights; the checkpoint's step."""
    assert not (folder / WEIGHTS).exists()
    assert all(bool(torch.isfinite(t).all()) for t in tensors(folder).values())
    return session.past(folder).step


@pytest.mark.parametrize("recipe", KINDS)
def test_a_hundred_times_the_learning_rate_of_sgd_stops_the_run(tmp_path, capsys, recipe):
    sgd = ["optimizer.name=sgd", "optimizer.clip_norm=none", "steps=200"]
    assert run(tmp_path / "run", recipe, *sgd, "optimizer.lr=10") == 2
    output, errors = capsys.readouterr()
    assert (output, errors.count("\n")) == ("", 1)
    assert errors.startswith("streamdeq: training diverged: ")
    assert errors.endswith("the last good checkpoint is kept; try a smaller optimizer.lr\n")
    taken = len(steps(tmp_path / "run"))
    assert taken < 60
    assert assert_kept(tmp_path / "run") < taken
    assert command("--resume", str(tmp_path / "run")) == 2  # from there it goes the same way
    assert assert_kept(tmp_path / "run") < taken


@pytest.mark.parametrize("recipe", KINDS)
def test_with_the_recipes_own_optimiser_it_either_stops_or_still_learns(tmp_path, capsys, recipe):
    hundredfold = 100 * RECIPES[recipe].optimizer.lr
    code = run(tmp_path, recipe, f"optimizer.lr={hundredfold}", "steps=60")
    if code == 2:
        assert "training diverged" in capsys.readouterr().err
        assert_kept(tmp_path)
        return
    losses = [line["loss"] for line in steps(tmp_path)]
    assert sum(losses[-10:]) < 0.75 * sum(losses[:10])
    assert all(bool(torch.isfinite(t).all()) for t in read_weights(tmp_path / WEIGHTS)[1].values())


@pytest.mark.parametrize("recipe", KINDS)
@pytest.mark.parametrize("number", [200, 9])
def test_weights_that_overflow_stop_the_run_however_short_it_is(tmp_path, capsys, recipe, number):
    assert run(tmp_path, recipe, "optimizer.lr=1e30", f"steps={number}") == 2
    errors = capsys.readouterr().err
    assert errors.count("\n") == 1
    assert errors.startswith("streamdeq: training diverged: ")
    assert len(steps(tmp_path)) <= 22
    assert_kept(tmp_path)


class Overflowing:
    """An objective whose pictures at some steps are numbers that no convolution can add up."""

    def __init__(self, objective, at: range) -> None:
        self.objective, self.at, self.plain, self.losses = objective, at, objective.plain, objective.losses

    def batch(self, step: int) -> Batch:
        batch = self.objective.batch(step)
        return Batch(batch.images.float() * 1e38, batch.targets) if step in self.at else batch


def overflowing(folder: Path, at: range, name: str = "synthetic-tiny") -> Trainer:
    running = trainer(folder, replace(RECIPES[name], batch=2, steps=12, statistics=4))
    running.objective = Overflowing(running.objective, at)
    return running


@pytest.mark.parametrize("recipe", KINDS)
def test_a_batch_that_overflows_leaves_no_trace_but_a_line_in_the_log(tmp_path, recipe):
    running = overflowing(tmp_path, range(4, 6), recipe)
    log = session.start(running)
    for step in range(4):
        running.step(running.objective.batch(step))
    before = {name: t.clone() for name, t in running.network.state_dict().items()}
    for step in (4, 5):
        record = running.step(running.objective.batch(step))
        assert (record.skipped, math.isfinite(record.loss)) == (True, False)
    assert [name for name, t in running.network.state_dict().items() if not torch.equal(t, before[name])] == []
    assert run_training(running, log)  # from step 6 on
    log.close()
    assert [line["skipped"] for line in steps(tmp_path)] == [False] * 6
    assert running.guard.skipped == 2
    assert all(bool(torch.isfinite(t).all()) for t in read_weights(tmp_path / WEIGHTS)[1].values())


def test_data_that_overflow_from_some_step_on_end_the_run_with_the_checkpoint_before_them(tmp_path):
    running = overflowing(tmp_path, range(7, 12))
    running.run = replace(running.run, checkpoint_every_s=0.0)
    log = session.start(running)
    with pytest.raises(StreamdeqError, match=r"not finite \(untrained it was .*\) for 5 steps; the last good"):
        run_training(running, log)
    log.close()
    assert assert_kept(tmp_path) == 7
    skipped = [(line["step"], line["loss"]) for line in lines(tmp_path) if line.get("skipped")]
    assert skipped == [(step, None) for step in (8, 9, 10, 11, 12)]


def test_a_value_too_large_for_a_weights_file_stops_the_run_at_the_next_checkpoint(tmp_path):
    running = train(tmp_path, replace(PLAIN, steps=1))
    good = (tmp_path / checkpoint.NAME).read_bytes()
    with torch.no_grad():
        running.network.backbone.downsample[4].running_var[0] = 1e5
    with pytest.raises(StreamdeqError, match=r"backbone\.downsample\.4\.running_var has come to 1e\+05, more than"):
        running.save()
    assert (tmp_path / checkpoint.NAME).read_bytes() == good


def test_a_long_count_of_batches_is_no_divergence(tmp_path):
    running = train(tmp_path, replace(PLAIN, steps=1))
    with torch.no_grad():
        running.network.backbone.downsample[1].num_batches_tracked.fill_(10**6)
    running.save()
    assert session.past(tmp_path).step == 1


def test_the_last_step_alone_may_be_bad():
    guard = Guard()
    for loss in (2.0, 1.5, math.nan):
        guard.usable(loss, 1.0)
    guard.finish()
    guard.usable(math.nan, 1.0)
    with pytest.raises(StreamdeqError, match=r"not finite .* for 2 steps"):
        guard.finish()


@pytest.mark.parametrize("setting", ["brightness=1e39", "contrast=-0.1", "saturation=inf", "hue=1.5"])
def test_colours_that_cannot_be_are_refused(tmp_path, capsys, setting):
    assert run(tmp_path, "synthetic-tiny", f"augment.jitter.{setting}") == 2
    name, _, value = setting.partition("=")
    assert capsys.readouterr().err == f"streamdeq: jitter: {name} must be in [0, 1]; got {float(value)}\n"


def test_a_checkpoint_with_a_weight_that_is_not_finite_is_never_written(tmp_path):
    running = train(tmp_path, replace(PLAIN, steps=1))
    good = (tmp_path / checkpoint.NAME).read_bytes()
    with torch.no_grad():
        next(running.network.parameters())[0] = float("inf")
    with pytest.raises(StreamdeqError, match=r"downsample\.0\.weight has come to inf"):
        running.save()
    assert (tmp_path / checkpoint.NAME).read_bytes() == good


def watch(guard: Guard, loss: float, steps: int) -> None:
    for _ in range(steps):
        guard.usable(loss, 1.0)


def test_the_guard_lets_noise_pass_and_stops_a_run_that_lost_its_progress():
    guard = Guard()
    for step in range(200):
        guard.usable(2.0 * 0.98**step + 0.5 + 0.3 * (step % 3), 1.0)
    assert guard.healthy
    with pytest.raises(StreamdeqError, match=r"a loss around .* \(untrained it was 2\.5\) for 20 steps"):
        watch(guard, 2.4, steps=60)


def test_the_guard_takes_up_where_it_was():
    first = Guard()
    for loss in (2.0, float("nan"), 1.5, 9.0):
        first.usable(loss, 1.0)
    assert from_plain(Guard, json.loads(json.dumps(first.dump()))) == first != Guard()
