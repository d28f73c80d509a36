"""A run that is hung up, told to stop or killed: what is there by then plays, and the next run tidies up."""

import os
import signal
import subprocess
import sys
import time

import pytest
from support import forked
from support.making_videos import decoded, rough, write_video
from support.small_files import tiny_weights

RUN = [sys.executable, "-c", "from streamdeq.cli.main import main; main()", "run"]


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    folder = tmp_path_factory.mktemp("given")
    return write_video(folder / "a.mp4", 1000, draw=rough), tiny_weights(folder / "tiny.safetensors")


def started(given, out, *options):
    clip, weights = given
    command = [*RUN, str(clip), "--model", str(weights), "--device", "cpu", "--save", str(out), *options]
    return forked.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for_lines(path, count, patience_s=60.0):
    """Until a file under its final name has so many lines: they can be read while they grow."""
    end = time.monotonic() + patience_s
    while not path.exists() or path.read_text().count("\n") < count:
        assert time.monotonic() < end, "no lines came"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU, signal.SIGTERM])
def test_a_hang_up_ends_a_run_in_order(given, tmp_path, number):
    with started(given, tmp_path / "out") as process:
        wait_for_lines(tmp_path / "out" / "a.jsonl", 40)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number, errors
    assert sorted(os.listdir(tmp_path / "out")) == ["a.jsonl", "a.mp4"]
    lines = (tmp_path / "out" / "a.jsonl").read_text().count("\n")
    assert len(decoded(tmp_path / "out" / "a.mp4")) == lines >= 40


def test_a_run_on_an_idle_pipe_ends_when_it_is_told_to(given, tmp_path):
    _, weights = given
    command = [*RUN, "-", "--model", str(weights), "--device", "cpu", "--save", str(tmp_path)]
    with forked.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        stream = write_video(tmp_path.parent / "a.ts", 300, draw=rough)
        process.stdin.write(stream.read_bytes())
        process.stdin.flush()
        wait_for_lines(tmp_path / "stdin.jsonl", 100)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        process.wait(60)
    assert process.returncode == 130
    assert len(decoded(tmp_path / "stdin.mp4")) >= 100


def test_a_hang_up_that_is_to_be_ignored_is_ignored(given, tmp_path):
    clip, weights = given
    command = ["nohup", *RUN, str(clip), "--model", str(weights), "--device", "cpu", "--max-frames", "80"]
    with forked.Popen(
        [*command, "--save", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path
    ) as process:
        wait_for_lines(tmp_path / "a.jsonl", 5)
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(decoded(tmp_path / "a.mp4")) == 80


def test_what_a_killed_run_has_written_plays_and_the_next_run_tidies_up(given, tmp_path):
    out = tmp_path / "out"
    for enough in (80, 110, 140):
        (out / "a.jsonl").unlink(missing_ok=True)
        with started(given, out) as process:
            wait_for_lines(out / "a.jsonl", enough)
            process.kill()
        [left] = [path for path in out.iterdir() if path.suffix == ".mp4"]
        assert left.name.startswith("a.unfinished-")
        assert len(decoded(left)) >= enough - 60  # a second, and what was on its way
        assert (out / "a.jsonl").read_text().count("\n") >= enough
    with started(given, out, "--max-frames", "3", "--overwrite") as process:
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert sorted(os.listdir(out)) == ["a.jsonl", "a.mp4"]
