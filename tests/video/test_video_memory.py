"""However long the video, the memory stays what it was; and no more pictures are held than are of use."""

import gc
import os
import subprocess
import sys
import weakref

import pytest
from support.making_videos import picture, plain, write_video

from streamdeq.values.frame import Frame
from streamdeq.video import ThreadedSink, open_source, prefetch
from streamdeq.video.sinks.base import Sink

COPY = """
import os, sys
from streamdeq.values.frame import Frame
from streamdeq.video import JsonLinesSink, ThreadedSink, VideoSink, open_source, prefetch

def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

folder = sys.argv[1]
with (
    prefetch(open_source(f"{folder}/long.mp4")) as source,
    ThreadedSink(VideoSink(f"{folder}/copy.mp4", source.fps)) as video,
    JsonLinesSink(f"{folder}/copy.jsonl") as lines,
):
    for item in source:
        assert isinstance(item, Frame)
        video.write(item)
        lines.write({"index": item.index, "time_s": item.time_s})
        if item.index in (499, 1499):
            print(resident_mb())
"""


def test_reading_and_writing_1500_frames_takes_no_more_memory_than_500(tmp_path):
    write_video(tmp_path / "long.mp4", 1500, codec_options={"preset": "ultrafast"})
    run = subprocess.run(
        [sys.executable, "-c", COPY, str(tmp_path)], capture_output=True, text=True, timeout=240, check=True
    )
    early_mb, late_mb = map(float, run.stdout.split())
    assert late_mb - early_mb < 5
    assert run.stderr == ""
    assert len((tmp_path / "copy.jsonl").read_text().splitlines()) == 1500


@pytest.fixture
def no_garbage_collector():
    """What goes away then goes away by itself."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def resident_mb():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@pytest.mark.usefixtures("no_garbage_collector")
def test_decoded_pictures_do_not_wait_for_the_garbage_collector(tmp_path):
    path = write_video(tmp_path / "clip.mp4", 60, size_hw=(720, 1280), draw=plain)
    with open_source(path) as source:
        items = iter(source)
        for _ in range(10):
            next(items)
        early_mb = resident_mb()
        assert len(list(map(type, items))) == 50  # 1.4 MB each as decoded
        assert resident_mb() - early_mb < 25


def alive(frames):
    return sum(frame() is not None for frame in frames)


@pytest.mark.usefixtures("no_garbage_collector")
def test_no_picture_is_held_while_the_next_is_made():
    made, held = [], []

    def pictures():
        for number in range(12):
            held.append(alive(made))
            image = picture(number)
            made.append(weakref.ref(image))
            yield image
            del image

    with open_source(pictures()) as source:
        for _ in source:
            del _
    assert held == [0] * 12
    made.clear()
    held.clear()
    with prefetch(open_source(pictures()), 1) as source:
        for _ in source:
            del _
    assert max(held) <= 1  # that which the consumer has in hand


@pytest.mark.usefixtures("no_garbage_collector")
def test_the_first_frame_of_a_film_goes_as_the_others_do(tmp_path):
    with open_source(write_video(tmp_path / "clip.mp4", 12)) as source:
        items = iter(source)
        frames = [weakref.ref(next(items)) for _ in range(12)]
        assert alive(frames) == 1


class Counting(Sink[Frame]):
    def __init__(self):
        self.frames, self.most = [], 0

    def write(self, item):
        self.frames.append(weakref.ref(item))
        self.most = max(self.most, alive(self.frames))

    def close(self):
        self.held = alive(self.frames)


def test_a_writing_thread_holds_no_frame_while_it_waits(tmp_path):
    counting = Counting()
    with open_source(write_video(tmp_path / "clip.mp4", 12)) as source, ThreadedSink(counting) as sink:
        for item in source:
            assert isinstance(item, Frame)
            sink.write(item)
            del item
    assert (counting.most, counting.held) == (1, 0)
