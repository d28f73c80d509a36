"""Small files that would fill the memory, and queues of large pictures."""

import resource
import struct
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image
from support.making_videos import picture, write_video

from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Failure, Frame
from streamdeq.video import ThreadedSink, open_source, prefetch
from streamdeq.video.queues import BoundedQueue
from streamdeq.video.sinks.base import Sink

PEAK = """
import sys
from streamdeq.video import open_source
try:
    with open_source(sys.argv[1]) as source:
        list(source)
except Exception as error:
    print(type(error).__name__, error)
print(next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def gif_bomb(path, side=65_000):
    screen = b"GIF89a" + struct.pack("<HH", side, side) + b"\x80\0\0" + b"\0\0\0\xff\xff\xff"
    image = b"," + struct.pack("<HHHH", 0, 0, side, side) + b"\0"
    path.write_bytes(screen + image + b"\x02\x02\x4c\x01\0;")
    return path


#: Squares of which an RGB picture takes 600 MB: written in less than a second.
SIDE = 14_500


def png_bomb(path):
    Image.new("1", (SIDE, SIDE)).save(path, compress_level=1)
    return path


def tiff_bomb(path):
    Image.new("1", (SIDE, SIDE)).save(path, compression="group4")
    return path


def film_bomb(path):
    options = {"preset": "ultrafast"}
    black = np.zeros((6000, 8000, 3), np.uint8)
    return write_video(path, 1, size_hw=(6000, 8000), draw=lambda number, size_hw: black, codec_options=options)


@pytest.mark.parametrize(
    ("make", "name"), [(gif_bomb, "a.gif"), (png_bomb, "a.png"), (tiff_bomb, "a.tif"), (film_bomb, "a.mp4")]
)
def test_a_bomb_is_refused_in_one_line_before_it_takes_memory(tmp_path, make, name):
    path = make(tmp_path / name)
    assert path.stat().st_size < 1_000_000
    done = subprocess.run([sys.executable, "-c", PEAK, str(path)], capture_output=True, text=True, timeout=240)
    said, peak_mb = done.stdout.splitlines()
    assert said.startswith(f"StreamdeqError {path} has pictures of")
    assert int(peak_mb) < 400


def test_the_limit_can_be_raised_and_lowered(tmp_path):
    path = write_video(tmp_path / "a.mp4", 3)
    with open_source(path, max_pixels=64 * 96) as source:
        assert len(list(source)) == 3
    with pytest.raises(StreamdeqError, match=r"more than 0\.006 million"):
        open_source(path, max_pixels=6000)


def test_in_a_folder_a_bomb_is_a_failure(tmp_path):
    Image.fromarray(picture(1)).save(tmp_path / "a.png")
    png_bomb(tmp_path / "b.png")
    with open_source(tmp_path) as source:
        assert [type(item) for item in source] == [Frame, Failure]


def test_a_queue_is_bounded_by_items_and_by_bytes_and_takes_one_item_of_any_size():
    queue = BoundedQueue(3, 100)
    assert queue.put("large", 1000)
    assert not queue.put("small", 1, timeout_s=0.01)
    assert queue.get() == "large"
    assert queue.put("a", 60)
    assert not queue.put("b", 60, timeout_s=0.01)
    assert queue.put("c", 40)
    assert queue.put("d", 0)
    assert not queue.put("e", 0, timeout_s=0.01)
    assert [queue.get() for _ in range(3)] == ["a", "c", "d"]


def test_whoever_waits_for_room_or_for_an_item_is_woken():
    queue, taken = BoundedQueue(1), []
    consumer = threading.Thread(target=lambda: taken.extend(queue.get() for _ in range(3)))
    consumer.start()
    for item in range(3):
        assert queue.put(item)
    consumer.join(60)
    assert taken == [0, 1, 2]


def large_pictures(count, made):
    for number in range(count):
        made.append(number)
        yield np.zeros((2160, 3840, 3), np.uint8)


def test_of_large_pictures_fewer_are_read_ahead():
    made = []
    with prefetch(open_source(large_pictures(12, made)), depth=8) as source:
        items = iter(source)
        next(items)
        time.sleep(0.3)
        assert len(made) <= 1 + 1  # taken, and one waiting
        assert len(list(items)) == 11


class Slow(Sink[Frame]):
    def write(self, item):
        time.sleep(0.05)

    def close(self):
        pass


def test_of_large_pictures_fewer_wait_to_be_written():
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with ThreadedSink(Slow(), depth=30, size_of=lambda item: item.image.nbytes) as sink:
        for number, image in enumerate(large_pictures(25, [])):
            sink.write(Frame(image + 1, number, 0.0))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 250_000
