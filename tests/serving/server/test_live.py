"""Cameras over the network: real publishers in processes of their own, which die and come back."""

import os
import signal

import pytest
from support.cameras import pictures, played, server_of, until
from support.processes import children
from support.publishing import free_port, tcp

from streamdeq.serving.server import CameraConfig


def test_a_camera_that_dies_is_waited_for_and_a_killed_reader_replaced_and_nobody_is_disturbed(
    caplog: pytest.LogCaptureFixture,
):
    port = free_port()
    with server_of() as server:
        server.add("far", CameraConfig(f"tcp://127.0.0.1:{port}?listen", fps=10))
        server.add("near", CameraConfig("any"), played(pictures(20), 20, again=True))
        assert server.reports()["far"].state == "connecting"
        with tcp(port):
            until(lambda: server.reports()["far"].processed > 2)
            assert server.reports()["far"].state == "live"
        before = server.reports()
        until(lambda: server.reports()["near"].processed > before["near"].processed + 10)
        with tcp(port):
            until(lambda: server.reports()["far"].reconnects == 1)
            until(lambda: server.reports()["far"].processed > before["far"].processed + 2)
            for pid in children(os.getpid(), "live.reader"):
                os.kill(pid, signal.SIGKILL)
            until(lambda: "the reading process was ended" in caplog.text)
        with tcp(port):
            until(lambda: server.reports()["far"].reconnects == 2)
        report = server.remove("far")
        assert report.decoded == report.processed + report.dropped + report.failed
        assert report.thinned > 0
        assert report.failed == 0
        near = server.reports()["near"]
        assert (near.failed, near.reconnects, near.state) == (0, 0, "live")
    assert children(os.getpid(), "live.reader") == []
