"""Whoever reads what the program says, or does not, decides nothing; names cannot steer the terminal."""

import os
import subprocess
import sys

import pytest
from support.making_videos import decoded, rough, write_video
from support.small_files import tiny_weights

from streamdeq.cli.main import COMMANDS, build, guarded

MAIN = "from streamdeq.cli.main import main; main()"
ESCAPE = "\x1b[2J\x07"


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    folder = tmp_path_factory.mktemp("given")
    return write_video(folder / "a.mp4", 200, draw=rough), tiny_weights(folder / "tiny.safetensors")


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


@pytest.mark.parametrize(
    "redirection", ["2>&1 | head -n 1 >/dev/null", "2>/dev/full >/dev/full", "2>&- >&-", "2>&1 | true"]
)
def test_a_run_goes_on_whoever_stops_reading(given, tmp_path, redirection):
    clip, weights = map(str, given)
    options = ["--model", weights, "--device", "cpu", "--save", str(tmp_path / "out"), "--compare"]
    assert shell(redirection, "run", clip, *options) == 0
    assert len(decoded(tmp_path / "out" / "a.mp4")) == 200


@pytest.mark.parametrize("redirection", [">/dev/full", ">&-", "| true", "2>&-"])
def test_a_list_that_nobody_reads_is_no_error(redirection):
    assert shell(redirection, "models") == 0


def test_an_error_that_nobody_reads_has_its_code():
    assert shell("2>/dev/full", "run", "nowhere.mp4") == 2


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
