"""The page's server as another program meets it: real sockets, real requests."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from PIL import Image
from support.viewing import PATHS, Pen, ask, opened, port_of, status, token_of

from streamdeq.errors import StreamdeqError
from streamdeq.running.observer import AnnotatedFrame, Controls
from streamdeq.serving.view import Viewer
from streamdeq.serving.web.mjpeg import PERIOD_S


def steer(viewer: Viewer, controls: Any, kind: str = "application/json", **headers: str) -> tuple[int, dict[str, Any]]:
    code, text, _ = ask(viewer, "/controls", json.dumps(controls), content_type=kind, **headers)
    return code, json.loads(text)


def parts(answer: http.client.HTTPResponse) -> Iterator[bytes]:
    """The pictures of a motion JPEG, read as RFC 2046 has it; ends when the server ends it."""
    assert answer.readline() == b"--frame\r\n"
    while header := answer.readline():
        assert header == b"Content-Type: image/jpeg\r\n"
        name, length = answer.readline().split(b": ")
        assert name == b"Content-Length"
        assert answer.readline() == b"\r\n"
        yield answer.read(int(length))
        assert answer.readline() == b"\r\n"
        assert answer.readline() == b"--frame\r\n"


def test_the_page_comes_whole_and_needs_nothing_from_elsewhere(viewer: Viewer):
    code, text, headers = ask(viewer, "/")
    assert code == 200
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers["content-security-policy"]
    page = text.decode()
    assert page.startswith("<!doctype html>")
    assert "://" not in page


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:8080", "127.0.0.1:80"])
def test_this_machine_is_let_in_by_its_names(viewer: Viewer, host: str):
    assert ask(viewer, "/", Host=host)[0] == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "0.0.0.0", ""])
@pytest.mark.parametrize("path", PATHS)
def test_any_other_host_is_refused_whatever_it_asks_for(viewer: Viewer, host: str, path: str):
    body = '{"iterations": 9}' if path == "/controls" else None
    assert ask(viewer, path, body, Host=host, content_type="application/json")[0] == 400
    assert viewer.monitor.controls() == Controls()


def test_only_the_loopback_address_answers(viewer: Viewer):
    # 127.0.0.2 is this machine as well: a server bound to all addresses would answer there.
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", port_of(viewer)), timeout=5)


def test_a_request_reaches_the_run_and_the_status_tells_it(viewer: Viewer):
    assert steer(viewer, {"iterations": 5, "start": "zeros"}) == (200, {"iterations": 5, "start": "zeros"})
    assert viewer.monitor.controls() == Controls(5, "zeros")
    told = json.loads(ask(viewer, "/status")[1])
    assert (told["title"], told["iterations"], told["start"]) == ("street.mp4", 5, "zeros")


@pytest.mark.parametrize("controls", [{}, [], {"iterations": 0}, {"iterations": 21}, {"start": "warm"}, {"stop": 1}])
def test_a_request_that_cannot_be_is_400_with_a_reason(viewer: Viewer, controls: Any):
    code, answer = steer(viewer, controls)
    assert code == 400
    assert answer["detail"]
    assert viewer.monitor.controls() == Controls()


def test_a_request_longer_than_any_can_be_is_413(viewer: Viewer):
    assert steer(viewer, {"iterations": 5, "start": "zeros" + 1000 * " "})[0] == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_foreign_page_could_send_without_asking_is_refused(viewer: Viewer, kind: str):
    code, answer = steer(viewer, {"iterations": 5}, kind)
    assert (code, answer["detail"]) == (415, "expected Content-Type: application/json")
    assert viewer.monitor.controls() == Controls()


def test_a_foreign_page_gets_no_leave_to_read_or_to_embed(viewer: Viewer):
    for path in ("/", "/status", "/picture"):
        code, _, headers = ask(viewer, path)
        assert code == 200
        assert not [name for name in headers if name.startswith("access-control")]
        assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("since", ["-1", "x", "1e3", "", "9" * 40])
def test_a_since_that_is_no_frame_number_is_400(viewer: Viewer, since: str):
    assert ask(viewer, f"/status?since={since}")[0] == 400


def test_the_picture_is_a_motion_jpeg_of_the_newest_frames_and_ends_with_the_run():
    with Viewer() as viewer:
        check_pictures(viewer)


def check_pictures(viewer: Viewer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port_of(viewer), timeout=60)
    connection.request("GET", f"/picture?token={token_of(viewer)}")
    answer = connection.getresponse()
    assert answer.headers["Content-Type"] == "multipart/x-mixed-replace; boundary=frame"
    pictures = parts(answer)
    for index, colour in enumerate([(250, 10, 10), (10, 250, 10), (10, 10, 250)]):
        viewer.monitor.see(AnnotatedFrame(Pen(colour)), status(index))
        shown = np.asarray(opened(next(pictures)))
        assert shown.shape == (24, 40, 3)
        assert np.abs(shown.astype(int) - colour).max() < 10
    viewer.monitor.see(AnnotatedFrame(Pen((99, 99, 99))), status(3))
    viewer.monitor.finish()
    last = list(pictures)
    connection.close()
    assert len(last) == 1
    assert np.abs(np.asarray(opened(last[0])).astype(int) - 99).max() < 10


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (360, 640, 3), dtype=np.uint8)


def test_who_does_not_take_the_pictures_neither_holds_up_the_run_nor_fills_the_memory(
    capfd: pytest.CaptureFixture[str],
):
    drawn: list[int] = []

    def draw(index: int) -> np.ndarray:
        drawn.append(index)
        return noise(index % 8)

    with Viewer() as viewer, socket.socket() as stuck:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.connect(("127.0.0.1", port_of(viewer)))
        stuck.sendall(b"GET /picture?token=%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % token_of(viewer).encode())
        # Each is 200 KB: what is sent is what the system's own buffers hold, and one more waits; then none is drawn.
        index, since = 0, time.monotonic()
        while not drawn or time.monotonic() - since < 10 * PERIOD_S:
            before = len(drawn)
            viewer.monitor.see(AnnotatedFrame(lambda index=index: draw(index)), status(index))
            index += 1
            time.sleep(PERIOD_S)
            if len(drawn) > before:
                since = time.monotonic()
            assert len(drawn) < 40
    assert capfd.readouterr().err == ""


def test_a_picture_that_takes_its_time_to_draw_does_not_hold_up_the_run():
    asked, drawn = threading.Event(), threading.Event()

    def draw() -> np.ndarray:
        asked.set()
        assert drawn.wait(60)
        return noise(0)

    with Viewer() as viewer:
        reader = threading.Thread(target=ask, args=(viewer, "/picture"))
        viewer.monitor.see(AnnotatedFrame(draw), status(0))
        reader.start()
        assert asked.wait(60)
        for index in range(1, 50):
            viewer.monitor.see(AnnotatedFrame(draw), status(index))
        assert (viewer.monitor.newest, len(viewer.monitor.report()["points"])) == (50, 50)
        drawn.set()
        reader.join()


def test_a_page_is_told_that_the_run_has_finished_and_then_the_server_is_gone():
    with Viewer() as viewer:
        viewer.monitor.see(AnnotatedFrame(Pen()), status(0))
        assert json.loads(ask(viewer, "/status")[1])["finished"] is False
        viewer.monitor.finish()
        assert json.loads(ask(viewer, "/status")[1])["finished"] is True
        assert viewer.monitor.told.is_set()
    with pytest.raises(ConnectionRefusedError):
        ask(viewer, "/status")


def test_a_taken_port_is_one_line_that_says_what_to_do(viewer: Viewer):
    with pytest.raises(StreamdeqError, match=r"--view-port: port \d+ cannot be had: .*; 0 takes a free one"):
        Viewer(port_of(viewer))


def test_a_port_that_cannot_be_is_one_line_too():
    with pytest.raises(StreamdeqError, match="--view-port: expected a port, 0 to 65535, got 70000"):
        Viewer(70_000)


def test_a_given_port_is_used_again_at_once_after_a_run():
    with Viewer() as first:
        ask(first, "/")
    with Viewer(port_of(first)) as second:
        assert (port_of(second), token_of(second) == token_of(first)) == (port_of(first), False)
        assert ask(second, "/")[0] == 200


def test_the_jpeg_is_one(viewer: Viewer):
    viewer.monitor.see(AnnotatedFrame(Pen()), status(0))
    assert Image.open(BytesIO(viewer.monitor.picture()[1])).format == "JPEG"
