"""`streamdeq serve`: a real process, its file, its signals."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.camera_server import BEARER, TOKEN, until, written
from support.http_server import request

from streamdeq.cli.main import COMMANDS, build, guarded


class Process:
    """A server in a process of its own, from the moment that it has told its page's address."""

    def __init__(self, running: subprocess.Popen[str], log: Path) -> None:
        self._running, self._log = running, log
        assert running.stdout is not None
        told = re.fullmatch(r"page: http://127\.0\.0\.1:(\d+)/eyes/\n", running.stdout.readline())
        assert told is not None, log.read_text()
        self.port = int(told[1])

    def names(self) -> list[str]:
        told = json.loads(request(self.port, "/eyes/cameras", **BEARER)[1])
        return [camera["name"] for camera in told["cameras"]]

    def processed(self, name: str) -> int:
        return json.loads(request(self.port, f"/cameras/{name}", **BEARER)[1])["processed"]

    def log(self) -> list[dict]:
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def send(self, number: int) -> None:
        self._running.send_signal(number)

    def ended(self) -> int:
        return self._running.wait(60)


@contextmanager
def process(file: Path, folder: Path) -> Iterator[Process]:
    command = [sys.executable, "-W", "error", "-m", "streamdeq", "serve", str(file), "--port", "0", "--prefix", "/eyes"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "STREAMDEQ_TOKEN": TOKEN}
    log = folder / "log"
    with log.open("w") as errors:
        running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
    try:
        with running:
            try:
                yield Process(running, log)
            finally:
                running.kill()
    finally:
        running.wait()


def test_the_file_is_followed_and_a_signal_ends_it_in_order(tmp_path: Path):
    file = written(tmp_path, f"overload: true\nstate: {{ folder: {tmp_path / 'state'} }}\n")
    text = file.read_text()
    with process(file, tmp_path) as one:
        until(lambda: one.processed("yard") > 3, "answers")
        assert one.names() == ["gate", "yard"]

        lines = [line for line in text.splitlines() if not line.startswith("  gate")]
        hall = f"  hall: {{ source: {tmp_path / 'gate'}, model: tiny, fps: 5, loop: true }}"
        place = lines.index("cameras:") + 1
        file.write_text("\n".join([*lines[:place], hall, *lines[place:]]) + "\n")
        until(lambda: sorted(one.names()) == ["hall", "yard"], "the cameras that the file now has")
        until(lambda: one.processed("hall") > 0, "answers of the new camera")

        file.write_text(file.read_text().replace("max_steps: 3", "max_stepz: 3"))
        until(lambda: any("max_stepz" in line["message"] for line in one.log()), "a line on what is wrong")
        before = one.processed("yard")
        until(lambda: one.processed("yard") > before, "the server to go on as it was")

        file.write_text(text)
        one.send(signal.SIGHUP)
        until(lambda: sorted(one.names()) == ["gate", "yard"], "the file as it was")

        one.send(signal.SIGTERM)
        assert one.ended() == 0
        assert {"info", "error"} >= {line["level"] for line in one.log()}
    assert TOKEN not in (tmp_path / "log").read_text()
    assert list((tmp_path / "state").iterdir())


def test_ctrl_c_ends_it_with_code_0(tmp_path: Path):
    with process(written(tmp_path, "overload: true\n"), tmp_path) as one:
        one.send(signal.SIGINT)
        assert one.ended() == 0
        assert [line for line in one.log() if line["level"] != "info"] == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["none.yaml"], "none.yaml"),
        (["cameras.yaml", "--port", "70000"], "port: expected 0 to 65535, got 70000"),
        (["cameras.yaml", "--prefix", "eyes"], "prefix"),
        (["cameras.yaml", "--token-file", "none"], "cannot read the token in none"),
    ],
)
def test_what_cannot_be_meant_is_one_line_and_code_2(
    given: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    written(tmp_path)
    assert guarded(build(COMMANDS), ["serve", *given]) == 2
    errors = capsys.readouterr().err
    assert said in errors
    assert errors.count("\n") == 1


@pytest.mark.parametrize("missing", ["fastapi", "websockets", "prometheus_client"])
def test_without_the_extra_it_is_one_line_that_names_it(
    missing: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(sys.modules, missing, None)
    assert guarded(build(COMMANDS), ["serve", "cameras.yaml"]) == 2
    assert capsys.readouterr().err == "streamdeq: serve needs the extra 'serve': pip install 'streamdeq[serve]'\n"
