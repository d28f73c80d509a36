"""What comes from a web server: recordings, read whole; live HLS, at its pace; answers that say no."""

import functools
import logging
import threading
import time
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice, pairwise

import numpy as np
import pytest
from support.making_videos import number_on, write_video
from support.publishing import Publisher

from streamdeq.errors import StreamdeqError
from streamdeq.video import LivePolicy, Patience, open_source

QUICK = Patience(first_delay_s=0.05, longest_delay_s=0.1, give_up_s=30)
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
    options = {"hls_time": "0.4", "hls_list_size": "6", "hls_flags": "delete_segments"}
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
