"""What comes from a web server: recordings, read whole; live HLS, at its pace; answers that say no."""

import functools
import logging
import threading
import time
from base64 import b64encode
from contextlib import contextmanager, suppress
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.making_videos import number_on, picture, write_video
from support.publishing import Publisher

from streamdeq.errors import StreamdeqError
from streamdeq.video import LivePolicy, LiveSource, Patience, open_source

QUICK = Patience(first_delay_s=0.05, longest_delay_s=0.1, give_up_s=90)
EVERY = LivePolicy("every", waiting=100, patience=QUICK)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


class Closed(Quiet):
    def do_GET(self):
        self.send_error(401)


class Absent(Quiet):
    def do_GET(self):
        self.send_error(404)


@contextmanager
def web_server(folder, handler=Quiet):
    """Serves `folder` on loopback; gives its port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


def test_a_recording_is_read_whole_however_slow_the_consumer(tmp_path):
    write_video(tmp_path / "clip.mp4", 60, container_options={"movflags": "faststart"})
    with (
        web_server(tmp_path) as port,
        open_source(f"http://127.0.0.1:{port}/clip.mp4", live=LivePolicy(patience=QUICK)) as source,
    ):
        items = []
        for item in source:
            items.append(item)
            time.sleep(0.01)
    assert [number_on(item.image) for item in items] == list(range(60))
    assert [round(item.time_s * 25, 3) for item in items] == list(range(60))
    assert (source.stats.dropped, source.stats.decoded, source.stats.note) == (0, 60, "")
    assert not source.live


def test_live_hls_comes_at_its_pace_and_not_in_bursts(tmp_path):
    options = {"hls_time": "0.4", "hls_list_size": "100"}
    with (
        web_server(tmp_path) as port,
        Publisher(str(tmp_path / "live.m3u8"), "hls", fps=25, options=options),
        open_source(f"http://127.0.0.1:{port}/live.m3u8", live=EVERY) as source,
    ):
        items = list(islice(source, 40))
    assert [item.index for item in items] == list(range(40))
    assert [number_on(b.image) - number_on(a.image) for a, b in pairwise(items)] == [1] * 39
    steps_s = [b.captured_s - a.captured_s for a, b in pairwise(items)]
    # A piece holds ten frames: unpaced, nine of ten steps would take no time.
    assert np.median(steps_s) > 0.02
    assert sum(steps_s) > 39 / 25 - 0.3


def test_a_wrong_password_ends_at_once_and_is_not_told(tmp_path, caplog):
    with web_server(tmp_path, Closed) as port, caplog.at_level(logging.DEBUG):
        source = open_source(f"http://admin:hunter2@127.0.0.1:{port}/live.m3u8")
        with source, pytest.raises(StreamdeqError, match=r"401 Unauthorized") as raised:
            list(source)
    assert "hunter2" not in str(raised.value) + caplog.text
    assert f"http://***@127.0.0.1:{port}/live.m3u8" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_is_not_there_is_tried_as_often_as_asked(tmp_path, caplog):
    policy = LivePolicy(patience=Patience(first_delay_s=0.05, longest_delay_s=0.1, max_attempts=2))
    with web_server(tmp_path, Absent) as port, caplog.at_level(logging.WARNING):
        source = open_source(f"http://127.0.0.1:{port}/live.m3u8", live=policy)
        with source, pytest.raises(StreamdeqError, match=r"404 Not Found.*after 2 attempts"):
            list(source)
    assert len(caplog.messages) == 2
    assert "attempt 1 failed" in caplog.messages[0]


def test_a_recording_without_a_length_in_seconds_ends_too(tmp_path):
    write_video(tmp_path / "clip.ts", 50)
    with (
        web_server(tmp_path) as port,
        open_source(f"http://127.0.0.1:{port}/clip.ts", live=LivePolicy(patience=QUICK)) as source,
    ):
        items = list(source)
    assert [number_on(item.image) for item in items] == list(range(50))
    assert source.stats.decoded == source.stats.frames == 50


class Ranges(Quiet):
    """Serves parts of files, as most servers do."""

    def do_GET(self):
        data = (Path(self.directory) / self.path.partition("?")[0].lstrip("/")).read_bytes()
        first, last = self.headers.get("Range", "bytes=0-").split("=")[1].split("-")
        part = data[int(first) : int(last or len(data)) + 1]
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{int(first) + len(part) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(part)


class Locked(Quiet):
    """Gives files to whoever knows the password."""

    def do_GET(self):
        if self.headers.get("Authorization") == "Basic " + b64encode(b"user:p@ss").decode():
            super().do_GET()
        else:
            self.send_error(401)


class Page(Quiet):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", "6")
        self.end_headers()
        self.wfile.write(b"<html>")


class Slides(Quiet):
    """A camera that sends JPEG pictures, ten per second, without any time stamp."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=x")
        self.end_headers()
        with suppress(ConnectionError):
            for number in range(100):
                file = BytesIO()
                Image.fromarray(picture(number)).save(file, "jpeg")
                head = b"--x\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(file.getvalue())
                self.wfile.write(head + file.getvalue() + b"\r\n")
                time.sleep(0.1)


@pytest.mark.parametrize("handler", [Quiet, Ranges], ids=["without ranges", "with ranges"])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "h264"])
@pytest.mark.parametrize("scheme", ["http", "HTTP"])
def test_a_file_on_a_web_server_is_read_whole_wherever_its_index_is(tmp_path, handler, suffix, scheme):
    write_video(tmp_path / f"clip.{suffix}", 60)
    with (
        web_server(tmp_path, handler) as port,
        open_source(f"{scheme}://127.0.0.1:{port}/clip.{suffix}?token=a%20b") as source,
    ):
        items = list(source)
    assert [number_on(item.image) for item in items] == list(range(60))
    assert [item.time_s for item in items] == pytest.approx([n / 25 for n in range(60)], abs=2e-3)
    assert (source.stats.decoded, source.stats.note, source.live) == (60, "", False)


@pytest.mark.parametrize("password", ["p%40ss", "p@ss"])
def test_a_password_in_the_address_opens_the_file(tmp_path, password):
    write_video(tmp_path / "clip.mp4", 20)
    with (
        web_server(tmp_path, Locked) as port,
        open_source(f"http://user:{password}@127.0.0.1:{port}/clip.mp4") as source,
    ):
        assert len(list(source)) == 20


@pytest.mark.parametrize(
    ("handler", "reason"), [(Absent, "404 Not Found"), (Page, "it is text/html, not a video")], ids=["404", "page"]
)
def test_what_is_no_video_is_refused_at_once_with_the_servers_reason(tmp_path, handler, reason):
    with web_server(tmp_path, handler) as port, pytest.raises(StreamdeqError, match=reason) as raised:
        open_source(f"http://127.0.0.1:{port}/clip.mp4")
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_video_is_refused_at_once(tmp_path):
    (tmp_path / "clip.mp4").write_bytes(bytes(range(256)) * 40)
    with web_server(tmp_path) as port, pytest.raises(StreamdeqError, match="no video"):
        open_source(f"http://127.0.0.1:{port}/clip.mp4")


def test_a_camera_without_time_stamps_has_the_times_at_which_its_pictures_came(tmp_path):
    with web_server(tmp_path, Slides) as port, open_source(f"http://127.0.0.1:{port}/camera", live=EVERY) as source:
        assert isinstance(source, LiveSource)
        items = list(islice(source, 15))
        assert source.fps is None
    elapsed_s = items[-1].captured_s - items[0].captured_s
    assert items[-1].time_s - items[0].time_s == pytest.approx(elapsed_s, abs=0.01)
    assert elapsed_s > 0.8  # 14 steps at the library's 25 per second would be 0.56
