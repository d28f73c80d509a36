"""However long the video, the memory stays what it was."""

import subprocess
import sys

from support.making_videos import write_video

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
        if item.index in (999, 2999):
            print(resident_mb())
"""


def test_reading_and_writing_3000_frames_takes_no_more_memory_than_1000(tmp_path):
    write_video(tmp_path / "long.mp4", 3000, codec_options={"preset": "ultrafast"})
    run = subprocess.run(
        [sys.executable, "-c", COPY, str(tmp_path)], capture_output=True, text=True, timeout=120, check=True
    )
    early_mb, late_mb = map(float, run.stdout.split())
    assert late_mb - early_mb < 5
    assert run.stderr == ""
    assert len((tmp_path / "copy.jsonl").read_text().splitlines()) == 3000
