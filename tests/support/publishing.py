"""Publishers of numbered pictures in processes of their own, over loopback, with PyAV alone; and a consumer."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import av

from streamdeq.errors import StreamdeqError
from support.making_videos import picture

PATIENCE_S = 60.0
TESTS = Path(__file__).resolve().parents[1]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Publisher:
    """Publishes pictures first, first + 1, … to `url` as soon as it is entered and somebody listens there.

    `sizes`: {number: (height, width)} from which number on pictures have which size; `count` None: without end.
    The process itself starts at once: several made beforehand take over from each other without a delay.
    """

    def __init__(self, url, container, *, fps=50.0, first=0, count=None, sizes=None, options=None):
        sizes = sizes or {0: (64, 96)}
        job = [url, container, fps, first, count, sorted(sizes.items()), options or {}]
        command = [sys.executable, "-m", "support.publishing", json.dumps(job)]
        self.process = subprocess.Popen(command, cwd=TESTS, stdin=subprocess.PIPE)

    def kill(self):
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def __enter__(self):
        self.process.stdin.close()
        return self

    def __exit__(self, *_):
        self.kill()


def rtsp(port, **settings):
    return Publisher(f"rtsp://127.0.0.1:{port}/live", "rtsp", options={"rtsp_transport": "tcp"}, **settings)


def tcp(port, **settings):
    return Publisher(f"tcp://127.0.0.1:{port}", "mpegts", **settings)


def udp(port, **settings):
    return Publisher(f"udp://127.0.0.1:{port}", "mpegts", **settings)


class InBackground:
    """A consumer that takes frames as they come."""

    def __init__(self, source):
        self.items, self.error = [], None
        self._thread = threading.Thread(target=self._work, args=[source])
        self._thread.start()

    def _work(self, source):
        try:
            for item in source:
                self.items.append(item)
        except StreamdeqError as error:
            self.error = error

    def join(self):
        self._thread.join(60)
        assert not self._thread.is_alive()


class Stream:
    """An output that a new encoder may join when the pictures' size changes."""

    def __init__(self, url, container, size_hw, options):
        self._output = av.open(url, "w", format=container, options=options)
        self._stream = self._output.add_stream("libx264", rate=25, options=ENCODING)
        self._stream.height, self._stream.width = size_hw
        self._stream.pix_fmt = "yuv420p"
        self._output.start_encoding()
        self._context = self._stream.codec_context

    def resize(self, size_hw):
        self._mux(self._context.encode(None))
        self._context = av.CodecContext.create("libx264", "w")
        self._context.height, self._context.width = size_hw
        self._context.pix_fmt = "yuv420p"
        self._context.time_base = self._stream.codec_context.time_base
        self._context.options = ENCODING

    def write(self, number, size_hw, pts):
        frame = av.VideoFrame.from_ndarray(picture(number, size_hw), format="rgb24")
        frame.pts = pts
        frame.time_base = self._stream.codec_context.time_base
        self._mux(self._context.encode(frame))

    def close(self):
        self._mux(self._context.encode(None))
        self._output.close()

    def _mux(self, packets):
        for packet in packets:
            packet.stream = self._stream
            packet.time_base = self._stream.codec_context.time_base
            self._output.mux(packet)


# A key frame every 10: who joins or loses something sees pictures again soon.
ENCODING = {"preset": "ultrafast", "tune": "zerolatency", "g": "10", "bf": "0"}


def publish(url, container, fps, first, count, sizes, options):
    sizes = {number: tuple(size) for number, size in sizes}
    size_hw = sizes[0]
    stream = connected(url, container, size_hw, options)
    began_s = time.monotonic()
    number = first
    while count is None or number < first + count:
        if number in sizes and number > 0:
            size_hw = sizes[number]
            stream.resize(size_hw)
        stream.write(number % 4096, size_hw, number - first)
        number += 1
        time.sleep(max(0.0, began_s + (number - first) / fps - time.monotonic()))
    stream.close()


def connected(url, container, size_hw, options):
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return Stream(url, container, size_hw, options)
        except OSError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.02)


if __name__ == "__main__":
    sys.stdin.read()
    with suppress(OSError):  # whoever listened is gone
        publish(*json.loads(sys.argv[1]))
    os._exit(0)
