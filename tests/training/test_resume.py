"""A run that was stopped, kindly or not, becomes the run that was not."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from support.small_runs import (
    PATIENCE_S,
    PAUSE_S,
    TINY,
    command,
    data,
    lines,
    process,
    resume,
    settings,
    steps,
    tensors,
    train,
    trainer,
    wait_for_step,
)

from streamdeq.errors import StreamdeqError
from streamdeq.files import LOCK
from streamdeq.models.checkpoint import read_weights
from streamdeq.training import checkpoint, log, session
from streamdeq.training.run import WEIGHTS


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
    first = process(*settings(), "--out", str(folder), pause_s=PAUSE_S)
    wait_for_step(folder, 3, first)
    first.send_signal(signal.SIGTERM)
    _, errors = first.communicate(timeout=PATIENCE_S)
    assert first.returncode == 128 + signal.SIGTERM
    done = checkpoint.read_header(folder / checkpoint.NAME).step
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


def test_every_validation_stands_in_the_log_once_wherever_the_run_was_taken_up(tmp_path):
    def validations() -> list[int]:
        return [line["step"] for line in lines(tmp_path) if line.get("event") == "validation"]

    calls = []
    scored = {"validation": data("val"), "validate_every": 5}
    train(tmp_path, **scored, stop=lambda: len(calls) == 4 or calls.append(0))  # behind the validation of step 5
    assert validations() == [5]
    for _ in range(2):  # killed between the last checkpoint and the weights, the run is taken up at its end
        resume(tmp_path, **scored)
        assert validations() == [5, 10, 12]


def test_a_disk_without_room_for_the_next_checkpoint_is_one_line_and_the_run_goes_on_later(tmp_path, whole, capsys):
    folder = tmp_path / "run"
    arguments = [*settings(), "--out", str(folder), "--checkpoint-every", "0", "--threads", "1", "--quiet"]
    # The first checkpoint, without the optimiser's state, has room; the second has not.
    limit = (len(first_checkpoint(tmp_path / "first")) + 1023) // 1024 + 4
    command_line = ["bash", "-c", f'ulimit -f {limit}; exec "$@"', "-", sys.executable, "-m", "streamdeq", "train"]
    full = subprocess.run([*command_line, *arguments], capture_output=True, text=True, timeout=PATIENCE_S)
    assert full.returncode == 2
    assert full.stderr.count("\n") == 1
    assert "File too large" in full.stderr
    assert full.stderr.endswith(f"is kept: free some space and go on with --resume {folder}\n")
    assert session.past(folder).step == 0
    assert command("--resume", str(folder)) == 0
    assert_same_run(folder, whole)


def first_checkpoint(folder: Path) -> bytes:
    running = trainer(folder)
    session.start(running).close()
    return running.path.read_bytes()


def test_a_folder_has_one_trainer_at_a_time_and_a_killed_one_leaves_it_free(tmp_path, capsys):
    running = process(*settings(replace(TINY, steps=10_000)), "--out", str(tmp_path))
    try:
        wait_for_step(tmp_path, 2, running)
        assert command("--resume", str(tmp_path)) == 2
        said = f"streamdeq: another process trains in {tmp_path}; wait for its end, or choose --out\n"
        assert capsys.readouterr().err == said
        assert running.poll() is None
    finally:
        running.kill()
        running.communicate()
    with session.held(tmp_path):
        pass
    other = tmp_path / "other"
    (other / LOCK).mkdir(parents=True)
    with pytest.raises(StreamdeqError, match=r"cannot lock .*other for this run alone"), session.held(other):
        pass


@pytest.mark.parametrize("seconds", ["-1", "nan"])
def test_checkpoints_need_a_time_between_them(tmp_path, capsys, seconds):
    assert command(*settings(), "--out", str(tmp_path / "run"), "--checkpoint-every", seconds) == 2
    assert capsys.readouterr().err.startswith("streamdeq: --checkpoint-every: expected seconds, 0 or more, got ")


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


def test_data_in_a_renamed_folder_are_the_same_and_others_are_not(tmp_path):
    train(tmp_path / "run", stop=lambda: True)
    begun = trainer(tmp_path / "run")
    renamed = replace(begun.dataset, name="moved")
    session.resume(replace(begun, dataset=renamed)).close()
    [first, *rest] = renamed.clips
    other = replace(renamed, clips=(replace(first, name="another"), *rest))
    with pytest.raises(StreamdeqError, match="--resume: the data differ in 'files'"):
        session.resume(replace(begun, dataset=other))
    with pytest.raises(StreamdeqError, match="--resume: the data differ in 'samples'"):
        session.resume(replace(begun, dataset=replace(renamed, clips=tuple(rest))))
