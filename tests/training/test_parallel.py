"""A divided batch is the whole one: over parts, over processes that really run, and over resumptions with others."""

import os
import signal
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support import forked
from support.small_runs import (
    PATIENCE_S,
    PAUSE_S,
    TINY,
    command,
    lines,
    process,
    settings,
    steps,
    tensors,
    train,
    trainer,
    wait_for_step,
)

from streamdeq.errors import StreamdeqError
from streamdeq.models.checkpoint import read_weights
from streamdeq.tasks.segmentation.loss import Ohem
from streamdeq.training import checkpoint
from streamdeq.training.average import batchnorms
from streamdeq.training.export import usable as exported
from streamdeq.training.parallel import Division, Ranks, joined
from streamdeq.training.plan import plan_step
from streamdeq.training.recipe import Streaming, Uniform
from streamdeq.training.run import WEIGHTS

from .rank import EXACT, LEARNING, SOLVED

SCRIPT = Path(__file__).parent / "rank.py"
#: From the frame before, or from zeros: noise and other pictures of the batch are other ones in a part. Without the
#: distance, a mean over rows, which parts share by labelled pixels as they do the loss.
WARM = replace(EXACT, streaming=Streaming(warm=0.7, before=Uniform(1, 2), decay=0.8))


def assert_equal_runs(folder: Path, whole: Path) -> None:
    """Within what the order of additions in float32 leaves open."""
    ours, expected = tensors(folder), tensors(whole)
    assert ours.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(
            ours[name], tensor, rtol=1e-3, atol=2e-6, msg=lambda text, name=name: f"{name} {text}"
        )
    for line, other in zip(steps(folder), steps(whole), strict=True):
        assert line.pop("start") == other.pop("start")
        assert line == pytest.approx(other, rel=1e-4)
    ours, expected = read_weights(folder / WEIGHTS)[1], read_weights(whole / WEIGHTS)[1]
    for name, tensor in expected.items():
        torch.testing.assert_close(ours[name].float(), tensor.float(), rtol=2e-3, atol=1e-4)


def environments(count: int) -> list[dict[str, str]]:
    """Of `count` processes that are to know of one another, as torchrun makes them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    common = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    return [{**common, "RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(count)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process that divides nothing."""
    folder = tmp_path_factory.mktemp("whole")
    train(folder, EXACT)
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes made of the runs in `rank.py`."""
    folder = tmp_path_factory.mktemp("two")
    arguments = [sys.executable, str(SCRIPT), str(folder)]
    running = [
        forked.Popen(arguments, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment})
        for environment in environments(2)
    ]
    for one in running:
        _, errors = one.communicate(timeout=PATIENCE_S)
        assert one.returncode == 0, errors
    return folder


def test_parts_are_numbered_so_that_every_step_has_each_of_its_own_once():
    divisions = [Division(Ranks(rank, 3), accumulate=2) for rank in range(3)]
    assert [list(division.of_step(5)) for division in divisions] == [[30, 31], [32, 33], [34, 35]]
    assert divisions[0].recipe(replace(TINY, batch=12)).batch == 2
    with pytest.raises(StreamdeqError, match="3 processes × 2 parts divide equally, got batch=8; set batch to a mul"):
        divisions[0].recipe(replace(TINY, batch=8))


def test_the_samples_of_the_parts_are_those_of_the_batch(tmp_path):
    undivided = trainer(tmp_path, EXACT).parts(3)[0]
    parts = [part for r in range(2) for part in trainer(tmp_path, EXACT, ranks=Ranks(r, 2), accumulate=2).parts(3)]
    assert torch.equal(torch.cat([part.images for part in parts]), undivided.images)
    assert torch.equal(torch.cat([part.targets for part in parts]), undivided.targets)


def test_norms_that_are_synchronised_are_stored_and_used_as_plain_ones(tmp_path):
    running = trainer(tmp_path, replace(EXACT, ema=0.0))
    plain = len(batchnorms(running.network))
    torch.nn.SyncBatchNorm.convert_sync_batchnorm(running.network)
    assert [type(norm) for norm in batchnorms(running.network)] == [torch.nn.SyncBatchNorm] * plain
    usable = exported(running)
    assert [type(norm) for norm in batchnorms(usable)] == [torch.nn.BatchNorm2d] * plain
    for name, tensor in running.network.state_dict().items():
        assert torch.equal(usable.state_dict()[name], tensor)


def test_parts_have_shares_by_what_they_weigh():
    assert Ranks().shares([3.0, 1.0]) == [0.75, 0.25]
    assert Ranks().shares([0.0, 0.0]) == [0.5, 0.5]
    assert Ranks().shares([0.0]) == Ranks().shares([7.5]) == [1.0]


@pytest.mark.parametrize("recipe", [EXACT, SOLVED, WARM], ids=["sur", "il", "warm"])
def test_accumulated_gradients_are_those_of_the_undivided_batch(tmp_path, recipe):
    weights = {part.weight for part in trainer(tmp_path, recipe, accumulate=4).parts(0)}
    assert len(weights) == 4  # parts of unlike numbers of labelled pixels
    train(tmp_path / "whole", recipe)
    train(tmp_path / "divided", recipe, accumulate=4)
    assert_equal_runs(tmp_path / "divided", tmp_path / "whole")


def test_with_hard_pixels_parts_count_alike(tmp_path):
    running = trainer(tmp_path, replace(EXACT, ohem=Ohem(0.7, kept=100)), accumulate=2)
    assert [part.weight for part in running.parts(0)] == [None, None]
    assert not running.step(*running.parts(0)).skipped


def test_two_processes_are_one(two, whole):
    assert_equal_runs(two / "sur", whole)
    assert lines(two / "sur")[0]["ranks"] == 2


def test_two_processes_with_two_parts_each_are_one_when_training_is_implicit(two, tmp_path):
    train(tmp_path, SOLVED)
    assert_equal_runs(two / "il", tmp_path)


def test_statistics_of_norms_are_averaged_where_batches_are_not_shared(two, tmp_path):
    means = []
    for rank in range(2):
        alone = trainer(tmp_path, LEARNING, ranks=Ranks(rank, 2))
        alone.loss(alone.parts(0)[0], plan_step(LEARNING, 0))
        means.append({f"network/{name}": buffer for name, buffer in alone.network.named_buffers()})
    names = [name for name in means[0] if name.endswith(("running_mean", "running_var"))]
    assert len(names) == 8
    found = tensors(two / "norms")
    for name in names:
        assert not torch.allclose(means[0][name], means[1][name])
        torch.testing.assert_close(found[name], (means[0][name] + means[1][name]) / 2)


def test_a_process_that_lost_another_says_so_in_one_line(two):
    assert (two / "lost.txt").read_text().startswith("process 1 of the run lost another one; ")


def test_all_stop_at_one_step_when_one_is_told_to_and_one_process_goes_on(tmp_path, whole):
    folder = tmp_path / "run"
    changed = [text for text in settings(EXACT) if text != "unroll.high=4"]
    changed += ["unroll.high=4", "optimizer.name=sgd", f"optimizer.weight_decay={EXACT.optimizer.weight_decay}"]
    changed += [f"class_weights={EXACT.class_weights}", "freeze_batchnorm=true", "--out", str(folder)]
    running = [process(*changed, env=environment, pause_s=PAUSE_S) for environment in environments(2)]
    wait_for_step(folder, 3, running[0])
    running[1].send_signal(signal.SIGTERM)
    ends = [one.communicate(timeout=PATIENCE_S) for one in running]
    done = checkpoint.read_header(folder / checkpoint.NAME).step
    assert 3 <= done < EXACT.steps
    assert ends == [("", f"stopped after step {done}; go on with: streamdeq train --resume {folder}\n"), ("", "")]
    assert [one.returncode for one in running] == [128 + signal.SIGTERM] * 2
    assert command("--resume", str(folder)) == 0
    assert_equal_runs(folder, whole)


def test_torchrun_takes_up_what_one_process_left_and_the_first_alone_speaks(tmp_path, whole):
    calls: list[int] = []
    train(tmp_path, EXACT, stop=lambda: len(calls) == 4 or calls.append(0))
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    given = ["-m", "streamdeq", "train", "--resume", str(tmp_path), "--threads", "1"]
    done = forked.run([*torchrun, *given], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / WEIGHTS}\n"), done.stderr
    assert [(line["step"], line["ranks"]) for line in lines(tmp_path) if line.get("event") == "resumed"] == [(5, 2)]
    assert_equal_runs(tmp_path, whole)


def test_alone_nothing_is_joined(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with joined(torch.device("cpu")) as one:
        assert (one, one.leads, one.any(True), one.any(False)) == (Ranks(), True, True, False)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(StreamdeqError, match="expected --device cpu or cuda"), joined(torch.device("meta")):
        pass
