"""Whoever connects and asks for nothing takes nothing away from a run: real sockets, a real second process."""

import asyncio
import os
import re
import resource
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from support.http_server import served
from support.small_files import image_folder, tiny_weights
from support.small_models import frames
from support.viewing import ask, port_of, token_of
from websockets.sync.client import connect

from streamdeq.serving.view import Viewer
from streamdeq.serving.web import service
from streamdeq.serving.web.connections import MOST, bounded_protocol, most_connections

#: Files that the run below may have open; connections are more than that.
FILES, IDLE = 128, 400


def connected(stack: ExitStack, port: int) -> socket.socket:
    return stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))


def hung_up(one: socket.socket) -> bool:
    """Whether the other side has closed; waits for that."""
    try:
        return one.recv(1) == b""
    except ConnectionResetError:
        return True


def test_more_idle_connections_than_files_may_be_open_end_no_run(tmp_path: Path):
    images = image_folder(tmp_path / "street", [frame.image for frame in frames(30)])
    weights = tiny_weights(tmp_path / "tiny.safetensors")
    command = [sys.executable, "-W", "error", "-m", "streamdeq", "run", str(images), "--model", str(weights)]
    with subprocess.Popen(
        [*command, "--save", str(tmp_path / "out"), "--quiet", "--view"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES)),
    ) as running:
        assert running.stderr is not None
        told = re.search(r":(\d+)/", running.stderr.readline())
        assert told is not None
        with ExitStack() as stack:
            for _ in range(IDLE):
                idle = stack.enter_context(socket.socket())
                idle.setblocking(False)  # not waiting for the other side to take it
                idle.connect_ex(("127.0.0.1", int(told[1])))
            output, errors = running.communicate(timeout=240)
    assert (running.returncode, errors) == (0, "")
    assert output.startswith("30 frames decoded = 30 processed")


QUICK_S = 0.5


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second for a request."""
    monkeypatch.setattr(service, "bounded_protocol", lambda most: bounded_protocol(most, QUICK_S))


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three connections, and time for everything."""
    monkeypatch.setattr(service, "most_connections", lambda: 3)
    monkeypatch.setattr(service, "bounded_protocol", lambda most: bounded_protocol(most, 600))


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("sent", [b"", b"G", b"GET / HTTP/1.1\r\nHost: localh"])
def test_who_does_not_say_what_it_wants_is_hung_up_on(sent: bytes):
    with Viewer() as one, ExitStack() as stack:
        began = time.monotonic()
        slow = connected(stack, port_of(one))
        slow.sendall(sent)
        assert hung_up(slow)
        assert time.monotonic() - began >= QUICK_S


@pytest.mark.usefixtures("quick")
def test_who_does_not_go_on_with_a_second_request_is_hung_up_on_too():
    with Viewer() as one, ExitStack() as stack:
        slow = connected(stack, port_of(one))
        slow.sendall(b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n")  # 403, and kept alive or closed
        slow.sendall(b"GET /status?token=%b HTTP/1.1\r\nHost: loc" % token_of(one).encode())
        while not hung_up(slow):
            pass


@pytest.mark.usefixtures("quick")
def test_a_websocket_outlives_the_time_that_a_request_may_take():
    async def ticking(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            await send({"type": "websocket.send", "text": "tick"})
            await asyncio.sleep(QUICK_S / 10)

    with served(ticking, websockets=True) as port, connect(f"ws://127.0.0.1:{port}/") as socket_:
        end = time.monotonic() + 3 * QUICK_S
        while time.monotonic() < end:
            assert socket_.recv(timeout=60) == "tick"


@pytest.mark.usefixtures("three")
def test_a_page_gets_in_past_idle_ones_and_keeps_what_it_has():
    with Viewer() as one, ExitStack() as stack:
        watching = connected(stack, port_of(one))
        watching.sendall(
            b"GET /picture?token=%b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % token_of(one).encode()
        )
        assert watching.recv(12) == b"HTTP/1.1 200"
        idle = [connected(stack, port_of(one)) for _ in range(6)]
        assert ask(one, "/status")[0] == 200
        assert hung_up(idle[0])
        one.monitor.finish()
        while watching.recv(1 << 16):  # it is not hung up on before its end
            pass


def test_a_process_of_few_files_takes_fewer_connections():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        assert most_connections() == 32
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert most_connections() <= MOST


def test_what_others_send_that_is_wrong_is_not_told_on_the_terminal(capfd: pytest.CaptureFixture[str]):
    with Viewer() as one, ExitStack() as stack:
        for sent in (b"\x16\x03\x01 hello\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
            rude = connected(stack, port_of(one))
            rude.sendall(sent)
            while not hung_up(rude):
                pass
    assert capfd.readouterr().err == ""
