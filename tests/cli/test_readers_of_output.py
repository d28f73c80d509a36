"""Whoever reads what the program says, or does not, decides nothing; names cannot steer the terminal."""

import os
import subprocess
import sys
from functools import partial

import pytest
from support import forked
from support.making_videos import decoded, rough, write_video
from support.small_files import tiny_weights

from streamdeq.cli.main import COMMANDS, build, guarded

MAIN = "from streamdeq.cli.main import main; main()"
FRAMES = 80
ESCAPE = "\x1b[2J\x07"


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    folder = tmp_path_factory.mktemp("given")
    return write_video(folder / "a.mp4", FRAMES, draw=rough), tiny_weights(folder / "tiny.safetensors")


def shell(redirection, *arguments):
    """Exit code of the program whose output goes where the shell sends it."""
    line = f'{{ "$0" -c "{MAIN}" "$@"; echo $? >&3; }} 3>&4 {redirection}'
    read, write = os.pipe()
    try:
        preserved = f"exec 4>&{write}; {line}"
        done = subprocess.run(
            ["/bin/bash", "-c", preserved, sys.executable, *arguments], pass_fds=(write,), timeout=300
        )
        assert done is not None
        return int(os.read(read, 10))
    finally:
        os.close(read)
        os.close(write)


def no_room(*arguments):
    """Exit code of the program that writes where there is no room."""
    with open("/dev/full", "w") as full:
        return forked.run([sys.executable, "-c", MAIN, *arguments], stdout=full, stderr=full, timeout=300).returncode


def read_in_part(lines, *arguments):
    """Exit code of the program whose reader goes away after so many lines."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    with forked.Popen([sys.executable, "-c", MAIN, *arguments], **pipes) as process:
        for _ in range(lines):
            process.stdout.readline()
        process.stdout.close()
        return process.wait(timeout=300)


@pytest.mark.parametrize(
    "code_of",
    [partial(read_in_part, 1), no_room, partial(shell, "2>&- >&-"), partial(read_in_part, 0)],
    ids=["one-line", "no-room", "closed", "nobody"],
)
def test_a_run_goes_on_whoever_stops_reading(given, tmp_path, code_of):
    clip, weights = map(str, given)
    options = ["--model", weights, "--device", "cpu", "--save", str(tmp_path / "out"), "--compare"]
    assert code_of("run", clip, *options) == 0
    assert len(decoded(tmp_path / "out" / "a.mp4")) == FRAMES


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "| true", "2>&-"])
def test_a_list_that_nobody_reads_is_no_error(redirection):
    assert shell(redirection, "models") == 0


def test_an_error_that_nobody_reads_has_its_code():
    assert no_room("run", "nowhere.mp4") == 2


def test_names_in_messages_cannot_steer_a_terminal(tmp_path, capsys):
    weights = tiny_weights(tmp_path / "tiny.safetensors")
    name = f"no{ESCAPE}where.mp4"
    for line in (["run", name, "--model", str(weights)], ["run", "a.mp4", "--model", name], ["data", "check", name]):
        assert guarded(build(COMMANDS), line) == 2
        out, err = capsys.readouterr()
        assert "\x1b" not in out + err
        assert "\x07" not in out + err
        assert "no\ufffd[2J\ufffdwhere" in err


def test_class_names_cannot_steer_a_terminal(tmp_path, capsys):
    from PIL import Image

    folders = [tmp_path / "data" / split / kind for split in ("train", "val") for kind in (f"cat{ESCAPE}", "dog")]
    for folder in folders:
        folder.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(folder / "0.png")
    guarded(build(COMMANDS), ["data", "check", str(tmp_path / "data"), "-q"])
    out, err = capsys.readouterr()
    assert "cat\ufffd[2J\ufffd" in out
    assert "\x1b" not in out + err
