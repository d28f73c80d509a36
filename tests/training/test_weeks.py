"""What a run of weeks needs: a guard that knows the warm-up, the best weights, an end on a plateau, parts that fit."""

import math
from dataclasses import replace

import pytest
import torch
from support.small_runs import TINY, command, data, lines, resume, settings, steps, tensors, train

from streamdeq.errors import OutOfMemoryError, StreamdeqError
from streamdeq.models.checkpoint import read_weights
from streamdeq.models.spec import read_spec
from streamdeq.training import fitting
from streamdeq.training.fitting import fitted
from streamdeq.training.guard import Guard, Limits
from streamdeq.training.run import BEST, WEIGHTS, RunSettings
from streamdeq.training.trainer import Trainer
from streamdeq.training.validate import streamed

QUICK = Limits(patience=5, grace=10)


def watch(guard: Guard, losses: list[float], limits: Limits = QUICK) -> None:
    for loss in losses:
        guard.usable(loss, 1.0, limits)


def test_the_loss_may_rise_when_the_warm_up_is_over_and_must_have_come_down_again_after_the_grace():
    for after, diverges in (([3.0] * 4 + [1.0] * 30, False), ([3.0] * 40, True), ([1.9] * 60, False)):
        guard = Guard()
        guard.begin(2.0)
        watch(guard, [0.5] * 40)
        guard.switch(QUICK)
        if diverges:
            with pytest.raises(StreamdeqError, match="training diverged"):
                watch(guard, after)
        else:
            watch(guard, after)
            assert guard.healthy
    guard = Guard()
    guard.begin(2.0)
    watch(guard, [0.5] * 40)
    with pytest.raises(StreamdeqError, match="training diverged"):  # without a warm-up that ends it is one
        watch(guard, [1.9] * 60)


def test_in_the_grace_what_is_not_finite_is_bad_all_the_same():
    guard = Guard()
    guard.begin(2.0)
    guard.switch(QUICK)
    with pytest.raises(StreamdeqError, match=r"not finite .* for 5 steps"):
        watch(guard, [math.nan] * 5)


def test_what_is_a_divergence_is_said_on_the_command_line(tmp_path, capsys):
    still = replace(TINY, steps=60, optimizer=replace(TINY.optimizer, lr=1e-12))
    assert command(*settings(still), "--out", str(tmp_path), "--guard-explosion", "0.01") == 2
    assert "training diverged: a loss around" in capsys.readouterr().err
    assert len(steps(tmp_path)) == 19  # the twentieth bad one ends it
    assert command(*settings(), "--out", str(tmp_path), "--guard-patience", "0") == 2
    assert "--guard-patience: expected a whole number of at least 1, got '0'" in capsys.readouterr().err


def test_streaming_is_scored_at_one_and_two_steps_and_the_best_weights_are_kept(tmp_path):
    train(tmp_path, validation=data("val"), validate_every=3)
    scored = [line for line in lines(tmp_path) if line.get("event") == "validation"]
    assert [line["step"] for line in scored] == [3, 6, 9, 12]
    for line in scored:
        assert set(line["streaming"]) == {"1", "2"}
        assert line["score"] == pytest.approx(sum(line["streaming"].values()) / 2, abs=1e-3)
    best = max(scored, key=lambda line: line["score"])
    spec = read_spec(tmp_path / BEST)
    assert spec.provenance.metrics["mIoU val streaming at 1"] == best["streaming"]["1"]
    assert spec.provenance.metrics["mIoU val single 4"] == best["mIoU"]["4"]
    assert (tmp_path / WEIGHTS).exists()


def test_a_stream_begins_with_zeros_and_goes_on_from_the_frame_before():
    running = Trainer.build(TINY, data("train"), RunSettings("unused", "x", torch.device("cpu")))  # type: ignore[arg-type]
    many = streamed(running.network, running.spec, data("val"), "fp32", torch.device("cpu"), (1, 12))
    few = streamed(running.network, running.spec, data("val"), "fp32", torch.device("cpu"), (1,))
    assert many[1] == few[1]
    assert set(many) == {1, 12}
    stills = replace(data("val"), clips=())
    assert streamed(running.network, running.spec, stills, "fp32", torch.device("cpu")) == {}


def test_a_run_ends_on_a_plateau_and_a_resumed_one_stays_ended(tmp_path):
    still = replace(TINY, steps=60, optimizer=replace(TINY.optimizer, lr=1e-12), ema=0.0)
    given = {"validation": data("val"), "validate_every": 2, "patience": 3}
    assert train(tmp_path, still, **given).state.step == 8  # the first score is the best, and three follow
    _, weights = read_weights(tmp_path / WEIGHTS)
    before = tensors(tmp_path)
    resumed = resume(tmp_path, still, **given)
    assert resumed.state.step == 8
    assert all(torch.equal(tensor, before[name]) for name, tensor in tensors(tmp_path).items())
    assert weights.keys() == read_weights(tmp_path / WEIGHTS)[1].keys()


def test_the_command_ends_well_on_a_plateau_and_needs_scores_for_it(tmp_path, capsys):
    arguments = [*settings(replace(TINY, steps=60)), "optimizer.weight_decay=0", "--out", str(tmp_path / "run")]
    assert command(*arguments, "--patience", "1") == 2
    assert "--patience: expected --eval-split" in capsys.readouterr().err


def test_a_batch_that_does_not_fit_goes_through_in_halves(tmp_path, monkeypatch):
    tried: list[int] = []

    def loss(self: Trainer, batch: object, plan: object) -> object:
        tried.append(len(batch.images))  # type: ignore[attr-defined]
        if tried[-1] > 2:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return real(self, batch, plan)

    real = Trainer.loss
    monkeypatch.setattr(Trainer, "loss", loss)
    run = RunSettings(tmp_path, "x", torch.device("cpu"), accumulate=None)
    trainer = fitted(replace(TINY, batch=8), data("train"), run)
    assert tried == [8, 4, 2]
    assert (trainer.run.accumulate, trainer.state.step) == (4, 0)
    assert all(p.grad is None for p in trainer.network.parameters())
    fresh = Trainer.build(replace(TINY, batch=8), data("train"), replace(run, accumulate=4))
    same = zip(trainer.network.state_dict().values(), fresh.network.state_dict().values(), strict=True)
    assert all(torch.equal(one, other) for one, other in same)
    monkeypatch.setattr(fitting, "_short", lambda trainer: OutOfMemoryError("not enough memory for 2.00 GiB more"))
    with pytest.raises(OutOfMemoryError, match=r"not enough memory for 2\.00 GiB more"):
        fitted(replace(TINY, batch=8), data("train"), run)


def test_the_command_finds_out_how_many_parts_there_are(tmp_path, capsys):
    from streamdeq.cli import train as cli_train
    from streamdeq.cli.main import build, guarded

    arguments = [one for one in settings(replace(TINY, steps=2)) if not one.startswith("batch=")]
    full = ["train", *arguments, "batch=auto", "--out", str(tmp_path / "run"), "--threads", "1"]
    assert guarded(build([cli_train.train]), full) == 0
    assert "each batch of 4 in 1 parts" in capsys.readouterr().err
