"""Write frames to an H.264 mp4 that plays everywhere."""

from __future__ import annotations

import os
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import OutputContainer
from av.error import FFmpegError
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc, VideoReformatter
from av.video.stream import VideoStream

from streamdeq.errors import StreamdeqError
from streamdeq.files import atomic_path
from streamdeq.values.frame import Frame
from streamdeq.video.clock import Clock
from streamdeq.video.sinks.base import PendingFile, Sink, unwritable
from streamdeq.video.sinks.origin import MADE_BY
from streamdeq.video.source import FALLBACK_FPS

# The mp4 muxer refines clocks below this by doubling; doing it here keeps the ticks ours.
TICKS_PER_S = 10_000
MOST_TICKS_PER_S = 1_000_000_000
AVCOL_SPC_BT709 = 1
ONE_THREAD_PIXELS = 1920 * 1088
# Each encodes a part of every picture by itself: more of them make larger files.
MOST_THREADS = 4
INDEX_IN_FRONT = {"movflags": "faststart"}
# What is being written plays up to its last whole second, also after a kill.
BY_THE_SECOND = {"movflags": "hybrid_fragmented+frag_keyframe", "frag_duration": "1000000", "flush_packets": "1"}


class VideoSink(Sink[Frame]):
    """H.264, yuv420p, BT.709, index in front, shown at the frames' own times (variable rates are kept).

    All frames are shown at the first one's size; later ones of another size are scaled into it, with black bars.
    Odd sizes grow by a repeated row or column, for 4:2:0 needs even ones. No two frames share a time: one that is
    not later than its predecessor is shown one tick (at most 0.1 ms) after it; where the source's clock begins anew,
    the film goes on. While it is written the file is called `NAME.unfinished-XXXXXXXX.mp4`; it plays up to its last
    whole second, also after a kill.

    Args:
        path: the file to make; its name ends in .mp4.
        fps: frames per second on average, for the last frame's duration; 25 where unknown.
        pixel_aspect: width over height of the pixels; None: they are square.
        preset: x264's trade of time for size. At 640×272 and 1280×720, one thread, this costs about
            1.8 and 8 ms per frame ("ultrafast"), 2.5 and 12 ("superfast", 0.7 of the size), 4.4 and 19 ("veryfast",
            half the size). None: "superfast", and above full HD
            "ultrafast", which needs a third less time and, for 4K, 50 MB less memory.
        crf: x264's quality, 0 (lossless) to 51.

    Attributes:
        latest: the file once it is whole: `path`, or `NAME-2.mp4`, …, where somebody put another there meanwhile.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        fps: float | None = None,
        pixel_aspect: Fraction | None = None,
        preset: str | None = None,
        crf: int = 20,
    ) -> None:
        if Path(path).suffix.lower() != ".mp4":
            raise StreamdeqError(f"expected a name that ends in .mp4, got {path}: rename it")
        self._file = PendingFile(path, visible=True)
        self._fps = fps or FALLBACK_FPS
        self._pixel_aspect = pixel_aspect
        # Without B-frames decoding order is showing order: any times will do, and encoding is a quarter faster.
        self._options = {**preset_option(preset), "crf": str(crf), "bf": "0", "g": "60"}
        self._encoder: Encoder | None = None
        self._closed = False
        self.latest: Path | None = None

    def write(self, item: Frame) -> None:
        try:
            if self._encoder is None:
                self._encoder = Encoder(
                    self._file.path, item, self._fps, self._options, BY_THE_SECOND, self._pixel_aspect
                )
            self._encoder.write(item)
        except FFmpegError as error:
            raise StreamdeqError(unwritable(self._file.final, error.strerror)) from error

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._encoder is None:
            self._file.discard()
            return
        try:
            self._encoder.finish()
        except FFmpegError as error:
            self._file.discard()
            raise StreamdeqError(unwritable(self._file.final, error.strerror)) from error
        put_index_in_front(self._file.path)
        self._file.keep()
        self.latest = self._file.final


def put_index_in_front(path: Path) -> None:
    """Rewrite a whole mp4 so that it plays while it is fetched; where there is no room for that it stays as it is."""
    with (
        suppress(FFmpegError, OSError),
        atomic_path(path) as part,
        av.open(str(path)) as given,
        av.open(str(part), "w", format="mp4", options=INDEX_IN_FRONT) as made,
    ):
        made.metadata["comment"] = MADE_BY
        stream = made.add_stream_from_template(given.streams.video[0])
        for packet in given.demux(video=0):
            if packet.size:
                packet.stream = stream
                made.mux(packet)


def preset_option(preset: str | None) -> dict[str, str]:
    """What a sink was asked for; the `Encoder` chooses where that is nothing."""
    return {} if preset is None else {"preset": preset}


class Encoder:
    """The encoder and its container, set up by the first frame.

    Args:
        options, container_options: for x264 and for the mp4 muxer, by their names.

    Attributes:
        bytes: size of all pictures so far, encoded; `largest`: of the largest.
    """

    def __init__(
        self,
        path: Path,
        first: Frame,
        fps: float,
        options: dict[str, str],
        container_options: dict[str, str],
        pixel_aspect: Fraction | None = None,
    ) -> None:
        height, width = first.image.shape[:2]
        self._canvas_hw = (height + height % 2, width + width % 2)
        self._ticks = Ticks(fine_time_base(first.time_base), fps)
        self._reformatter = VideoReformatter()
        self.bytes = self.largest = 0
        self._container: OutputContainer = av.open(str(path), "w", format="mp4", options=container_options)
        self._container.metadata["comment"] = MADE_BY
        self._stream = self._add_stream(fps, options)
        if pixel_aspect is not None:
            self._stream.codec_context.sample_aspect_ratio = pixel_aspect

    def write(self, frame: Frame, *, key: bool = False) -> None:
        """`key`: make it a picture that stands alone."""
        image = fitted(frame.image, self._canvas_hw)
        picture = self._reformatter.reformat(
            VideoFrame.from_numpy_buffer(np.ascontiguousarray(image), format="rgb24"),
            format="yuv420p",
            dst_colorspace=Colorspace.ITU709,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        picture.pts = self._ticks.at(frame.time_s)
        picture.time_base = self._ticks.time_base
        if key:
            picture.pict_type = PictureType.I
        self._mux(picture)

    def finish(self) -> None:
        try:
            self._mux(None)
        finally:
            self._container.close()

    def _mux(self, picture: VideoFrame | None) -> None:
        for packet in self._stream.encode(picture):
            # Only the last frame's counts; the others last until the next one.
            packet.duration = self._ticks.step
            self.bytes += packet.size
            self.largest = max(self.largest, packet.size)
            self._container.mux(packet)

    def _add_stream(self, fps: float, options: dict[str, str]) -> VideoStream:
        rate = Fraction(fps).limit_denominator(1001)
        height, width = self._canvas_hw
        large = height * width > ONE_THREAD_PIXELS
        options = {"preset": "ultrafast" if large else "superfast", **options}
        stream = self._container.add_stream("libx264", rate=rate, options=options)
        stream.height, stream.width = height, width
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = self._ticks.time_base
        context.thread_count = min(os.cpu_count() or 1, MOST_THREADS) if large else 1
        context.colorspace = AVCOL_SPC_BT709
        context.color_range = ColorRange.MPEG
        context.color_primaries = ColorPrimaries.BT709
        context.color_trc = ColorTrc.BT709
        return stream


class Ticks:
    """Times to strictly increasing ticks.

    Attributes:
        time_base: seconds per tick.
        step: ticks from one frame to the next on average.
    """

    def __init__(self, time_base: Fraction, fps: float) -> None:
        self.time_base = time_base
        self.step = max(1, round(1 / (fps * time_base)))
        self._clock = Clock(0.0)
        self._last = -1

    def at(self, time_s: float) -> int:
        step_s = float(self.step * self.time_base) if self._last >= 0 else 0.0
        tick = round(self._clock.at(time_s, max(0.0, self._clock.time_s + step_s)) / self.time_base)
        self._last = max(tick, self._last + 1)
        return self._last


def fine_time_base(source: Fraction | None) -> Fraction:
    """A clock that has every tick of the source's, and is fine enough to tell apart frames with equal times."""
    denominator = source.denominator if source is not None else 90_000
    if denominator > MOST_TICKS_PER_S:
        return Fraction(1, 90_000)
    while denominator < TICKS_PER_S:
        denominator *= 2
    return Fraction(1, denominator)


def fitted(image: np.ndarray, canvas_hw: tuple[int, int]) -> np.ndarray:
    """`image` (H, W, 3) at the size of the canvas: as it is, grown by its last row and column, or letterboxed."""
    height, width = image.shape[:2]
    rows, columns = canvas_hw
    if (rows - height) in (0, height % 2) and (columns - width) in (0, width % 2):
        if (height, width) == canvas_hw:
            return image
        return np.pad(image, ((0, rows - height), (0, columns - width), (0, 0)), mode="edge")
    scale = min(rows / height, columns / width)
    inner_h, inner_w = max(1, round(height * scale)), max(1, round(width * scale))
    picture = VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    small = picture.reformat(width=inner_w, height=inner_h, interpolation="AREA", threads=1).to_ndarray()
    top, left = (rows - inner_h) // 2, (columns - inner_w) // 2
    canvas = np.zeros((rows, columns, 3), np.uint8)
    canvas[top : top + inner_h, left : left + inner_w] = small
    return canvas
