"""`--view` on the command line."""

import http.client
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.small_files import image_folder, tiny_weights
from support.small_models import frames

from streamdeq.cli.main import COMMANDS, build, guarded


@pytest.fixture(scope="module")
def arguments(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """`run` on a folder of images with a small model."""
    folder = tmp_path_factory.mktemp("given")
    images = image_folder(folder / "street", [frame.image for frame in frames(40)])
    weights = tiny_weights(folder / "tiny.safetensors")
    return ["run", str(images), "--model", str(weights), "--save", str(folder / "out"), "--quiet"]


def test_the_address_is_on_stderr_at_once_and_the_command_ends_as_it_would_without(arguments: list[str]):
    command = [sys.executable, "-W", "error", "-m", "streamdeq", *arguments, "--view"]
    one_thread = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=one_thread
    ) as running:
        assert running.stderr is not None
        told = re.fullmatch(r"view: http://127\.0\.0\.1:(\d+)(/\?token=[\w-]{43})\n", running.stderr.readline())
        assert told is not None
        connection = http.client.HTTPConnection("127.0.0.1", int(told[1]), timeout=60)
        connection.request("GET", told[2])
        assert b"<title>streamdeq</title>" in connection.getresponse().read()
        connection.close()
        output, errors = running.communicate(timeout=240)
    assert (running.returncode, errors) == (0, "")
    assert output.startswith("40 frames decoded = 40 processed")
    assert Path(output.splitlines()[-1]).stat().st_size > 0


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn"])
def test_without_the_extra_it_is_one_line_that_names_it(
    arguments: list[str], missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(sys.modules, missing, None)  # what an import of it then meets is an ImportError
    assert guarded(build(COMMANDS), [*arguments, "--view"]) == 2
    errors = capsys.readouterr().err
    assert errors == "streamdeq: --view needs the extra 'serve': pip install 'streamdeq[serve]'\n"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--view-port", "8080"], "--view-port: goes with --view"),
        (["--view", "--view-port", "-1"], "--view-port: expected a whole number of at least 0, got '-1'"),
        (["--view", "--view-port", "65536"], "--view-port: expected a port, 0 to 65535, got 65536"),
    ],
)
def test_a_port_that_cannot_be_meant_is_one_line_and_code_2(
    arguments: list[str], given: list[str], said: str, capsys: pytest.CaptureFixture[str]
):
    assert guarded(build(COMMANDS), [*arguments, *given]) == 2
    errors = capsys.readouterr().err
    assert said in errors
    assert errors.count("\n") == 1
