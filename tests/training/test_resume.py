"""A run that was stopped, kindly or not, becomes the run that was not."""

import json
import signal
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from small_runs import TINY, command, lines, process, resume, settings, steps, tensors, train, trainer, wait_for_step

from streamdeq.errors import StreamdeqError
from streamdeq.models.checkpoint import read_weights
from streamdeq.training import checkpoint, log, session
from streamdeq.training.loop import WEIGHTS


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """The run nobody stopped."""
    folder = tmp_path_factory.mktemp("whole")
    train(folder)
    return folder


def assert_same_run(folder: Path, whole: Path) -> None:
    ours, expected = tensors(folder), tensors(whole)
    assert ours.keys() == expected.keys()
    assert [name for name in expected if not torch.equal(ours[name], expected[name])] == []
    assert steps(folder) == steps(whole)
    (_, ours), (_, expected) = read_weights(folder / WEIGHTS), read_weights(whole / WEIGHTS)
    assert all(torch.equal(ours[name], expected[name]) for name in expected)


def test_a_run_repeats_itself(tmp_path, whole):
    train(tmp_path)
    assert_same_run(tmp_path, whole)


def test_another_seed_is_another_run(tmp_path, whole):
    train(tmp_path, replace(TINY, steps=2, seed=1))
    assert steps(tmp_path)[0]["loss"] != steps(whole)[0]["loss"]


def test_terminated_and_resumed_equals_the_whole_run(tmp_path, whole, capsys):
    folder = tmp_path / "run"
    first = process(*settings(), "--out", str(folder))
    wait_for_step(folder, 3, first)
    first.send_signal(signal.SIGTERM)
    _, errors = first.communicate(timeout=60)
    assert first.returncode == 128 + signal.SIGTERM
    done = checkpoint.read_header(folder / checkpoint.NAME)["step"]
    assert errors == f"stopped after step {done}; go on with: streamdeq train --resume {folder}\n"
    assert 3 <= done < 12
    assert command("--resume", str(folder)) == 0
    assert capsys.readouterr() == (f"{folder / WEIGHTS}\n", "")
    assert_same_run(folder, whole)


def test_the_log_of_a_resumed_run_has_every_step_once_and_no_line_cut_by_a_kill(tmp_path, whole):
    calls = []
    train(tmp_path, stop=lambda: len(calls) == 5 or calls.append(0))
    path = tmp_path / log.NAME
    path.write_text(path.read_text() + '{"step": 7, "loss": 1.0}\n{"step": 8, "lo')
    resume(tmp_path)
    assert [line["step"] for line in lines(tmp_path) if "loss" in line] == list(range(1, 13))
    assert [line["step"] for line in lines(tmp_path) if line.get("event") == "resumed"] == [6]


def test_a_finished_run_resumed_is_left_as_it_is(tmp_path, whole):
    train(tmp_path)
    resume(tmp_path)
    assert_same_run(tmp_path, whole)


def test_a_changed_recipe_is_refused_by_the_name_of_the_key(whole):
    optimizer = replace(TINY.optimizer, lr=1e-3)
    with pytest.raises(StreamdeqError, match=r"differs in 'optimizer\.lr': the run has 0\.005, now 0\.001"):
        session.resume(trainer(whole, replace(TINY, optimizer=optimizer)))


def test_a_changed_recipe_on_the_command_line_is_one_line_and_exit_code_2(whole, capsys):
    assert command("--resume", str(whole), "batch=3") == 2
    output, errors = capsys.readouterr()
    assert output == ""
    assert errors.count("\n") == 1
    assert "differs in 'batch': the run has 2, now 3" in errors


def test_a_folder_that_holds_a_run_is_not_overwritten(whole):
    with pytest.raises(StreamdeqError, match="holds a run already; continue it with --resume"):
        session.start(trainer(whole))


@pytest.mark.parametrize(("content", "message"), [(b"", "training checkpoint"), (b"x" * 99, "training checkpoint")])
def test_a_damaged_checkpoint_is_one_line(tmp_path, content, message):
    (tmp_path / checkpoint.NAME).write_bytes(content)
    with pytest.raises(StreamdeqError, match=message) as error:
        session.past(tmp_path)
    assert "\n" not in str(error.value)


def test_no_checkpoint_and_a_weights_file_are_told_apart(tmp_path, whole):
    with pytest.raises(StreamdeqError, match="found none; check --resume"):
        session.past(tmp_path)
    (tmp_path / checkpoint.NAME).write_bytes((whole / WEIGHTS).read_bytes())
    with pytest.raises(StreamdeqError, match="give --resume the folder of a run"):
        session.past(tmp_path)


def test_the_first_line_of_the_log_says_what_the_run_is(whole):
    first = json.loads((whole / log.NAME).read_text().splitlines()[0])
    assert first["seed"] == 0
    assert first["recipe"]["unroll"] == {"kind": "Uniform", "low": 1, "high": 4}
    assert {"torch", "machine", "threads", "commit", "time_utc", "parameters"} <= first.keys()
