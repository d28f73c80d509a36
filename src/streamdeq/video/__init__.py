"""Sources of frames (files, images, arrays, cameras, streams) and sinks for results, on PyAV and Pillow.

with open_source("street.mp4") as source, VideoSink("copy.mp4", source.fps) as sink:
    for item in source:
        if isinstance(item, Frame):
            sink.write(item)
"""

from streamdeq.video.limits import MAX_PIXELS
from streamdeq.video.live import LivePolicy, LiveSource, Patience, redacted
from streamdeq.video.opening import open_source
from streamdeq.video.paced import Paced
from streamdeq.video.prefetch import prefetch
from streamdeq.video.sinks.base import Sink
from streamdeq.video.sinks.jsonl import JsonLinesSink
from streamdeq.video.sinks.lines import LinesSink
from streamdeq.video.sinks.mp4 import VideoSink
from streamdeq.video.sinks.pngs import FrameFiles, FramePngSink, LabelMap, LabelPngSink
from streamdeq.video.sinks.segments import SegmentedVideoSink
from streamdeq.video.sinks.threaded import ThreadedSink
from streamdeq.video.source import Source, SourceInfo, SourceStats

__all__ = [
    "MAX_PIXELS",
    "FrameFiles",
    "FramePngSink",
    "JsonLinesSink",
    "LabelMap",
    "LabelPngSink",
    "LinesSink",
    "LivePolicy",
    "LiveSource",
    "Paced",
    "Patience",
    "SegmentedVideoSink",
    "Sink",
    "Source",
    "SourceInfo",
    "SourceStats",
    "ThreadedSink",
    "VideoSink",
    "open_source",
    "prefetch",
    "redacted",
]
