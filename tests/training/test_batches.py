"""Batches made ahead: by a thread or by any number of processes they are the same, in order, with the same errors."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from support import forked
from support.dataset_trees import write_cityscapes, write_cityscapes_labels
from support.small_runs import TINY, command, data, process, resume, settings, steps, tensors, train, wait_for_step

from streamdeq.data.randomness import generator, sample_index
from streamdeq.errors import StreamdeqError
from streamdeq.tasks.segmentation.objective import objective
from streamdeq.training import feeding
from streamdeq.training.batches import ahead

#: What forks this process is not among the usual tests: in one in which thousands have opened runtimes and threads a
#: fork ended the process without a word. (By the command, a process of its own, workers are always tested.)
forks = pytest.mark.slow
WORKERS = (0, pytest.param(1, marks=forks), pytest.param(3, marks=forks))


@pytest.mark.parametrize("workers", WORKERS)
def test_batches_come_in_order_whoever_prepares_them(workers):
    assert list(ahead(lambda step: step * step, range(3, 9), workers)) == [9, 16, 25, 36, 49, 64]
    assert list(ahead(lambda step: step, range(4, 4), workers)) == []


@pytest.mark.parametrize("workers", WORKERS)
def test_an_error_in_a_batch_is_raised_where_the_batch_is_asked_for(workers):
    def make(step: int) -> int:
        if step == 2:
            raise StreamdeqError("frame 2 cannot be read")
        return step

    batches = ahead(make, range(5), workers)
    assert [next(batches), next(batches)] == [0, 1]
    with pytest.raises(StreamdeqError, match=r"^frame 2 cannot be read$"):
        next(batches)


@forks
def test_processes_make_the_batches_that_this_one_makes():
    make = objective(TINY, data("train")).batch
    for one, another in zip(ahead(make, range(4, 9), 2), map(make, range(4, 9)), strict=True):
        assert torch.equal(one.images, another.images)
        assert torch.equal(one.targets, another.targets)


@forks
def test_a_run_is_the_same_with_any_number_of_workers_and_goes_on_with_another(tmp_path):
    train(tmp_path / "whole")
    stopping = iter([False] * 4 + [True])
    train(tmp_path / "run", workers=2, stop=lambda: next(stopping))
    resume(tmp_path / "run", workers=1)
    assert steps(tmp_path / "run") == steps(tmp_path / "whole")
    expected = tensors(tmp_path / "whole")
    assert all(torch.equal(tensor, expected[name]) for name, tensor in tensors(tmp_path / "run").items())


def test_a_signal_to_the_whole_group_stops_the_run_in_order(tmp_path):
    running = process(*settings(replace(TINY, steps=5000)), "--out", str(tmp_path), "--workers", "2", group=True)
    wait_for_step(tmp_path, 3, running)
    os.killpg(running.pid, signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert errors.startswith("stopped after step ")
    assert errors.endswith(f"--resume {tmp_path}\nstreamdeq: interrupted\n")
    assert errors.count("\n") == 2


def test_an_order_is_a_permutation_of_its_epoch_however_it_is_asked_for():
    count, seed = 1000, 5
    places = np.random.default_rng(0).integers(0, 3 * count, 200)
    for place in places.tolist():
        epoch, within = divmod(place, count)
        assert sample_index(seed, "order", place, count) == generator(seed, "order", epoch).permutation(count)[within]


def test_a_sample_of_a_million_costs_what_one_of_ten_does():
    program = (
        "import time; from streamdeq.data.randomness import sample_index as at\n"
        "at(0, 'order', 0, 1_281_167); began = time.process_time()\n"
        "for place in range(20_000): at(0, 'order', place, 1_281_167)\n"
        "print((time.process_time() - began) / 20_000)"
    )
    said = forked.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert float(said) < 1e-4  # a permutation for each was 30 ms


@forks
def test_the_command_measures_what_feeding_costs(tmp_path: Path, capsys, monkeypatch):
    monkeypatch.setattr(feeding, "SECONDS", 0.05)
    root = write_cityscapes_labels(write_cityscapes(tmp_path))
    small = ["cityscapes-xl-ur", "batch=2", "crop_hw=32,64", "size=16"]
    assert command(*small, "--data", str(root), "--dry-loader", "--workers", "1") == 0
    samples, made, decoded, share, workers = capsys.readouterr().out.splitlines()
    assert samples.endswith(" samples")
    assert made.startswith("read, augmented, put together: ")
    assert decoded.startswith("decoded alone: ")
    assert share.startswith("share: ")
    assert workers.startswith("1 workers: ")
    assert command(*small, "--dry-loader") == 2
    assert "--dry-loader: expected --data" in capsys.readouterr().err
