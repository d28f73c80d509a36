"""Write frames without end to a series of mp4 files, each of bounded length.

A file being written consists of fragments: whoever reads it, also after a kill, has all but the last second. Once
finished it is an ordinary mp4 with one index (FFmpeg's "hybrid" mp4).
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from av.error import FFmpegError

from streamdeq.errors import StreamdeqError
from streamdeq.files import ensure_folder
from streamdeq.values.frame import Frame
from streamdeq.video.sinks.base import PendingFile, Sink, unwritable
from streamdeq.video.sinks.mp4 import Encoder, preset_option
from streamdeq.video.source import FALLBACK_FPS

FRAGMENTS = {"movflags": "hybrid_fragmented+frag_keyframe", "flush_packets": "1"}
# Upper bounds of what the mp4 adds: once, per frame and per fragment.
FILE_BYTES, FRAME_BYTES, FRAGMENT_BYTES = 4096, 48, 256


class SegmentedVideoSink(Sink[Frame]):
    """H.264 as `VideoSink` writes it, in files `NAME-000001.mp4`, `NAME-000002.mp4`, …, which never grow too large.

    Each starts at time 0 with a picture that stands alone; a new one begins too when the pictures change their size.
    While it is written a file is called `NAME-000001.unfinished.mp4`, and stays so after a kill: it plays up to its
    last whole fragment. Numbers go on behind those already in the folder; nothing is ever overwritten.

    Args:
        path: `FOLDER/NAME.mp4`.
        fps: frames per second on average, for the last frame's duration; 25 where unknown.
        max_seconds: begin a new file rather than show a frame later than this; None: no such bound.
        max_bytes: begin a new file rather than become larger than this; one frame a file may hold whatever its size.
        fragment_s: seconds per fragment: what a kill costs.
        preset, crf: as in `VideoSink`.

    Attributes:
        latest: the last file finished; None before the first.
        finished: how many there are.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        fps: float | None = None,
        max_seconds: float | None = 600.0,
        max_bytes: int | None = None,
        fragment_s: float = 1.0,
        preset: str | None = None,
        crf: int = 20,
    ) -> None:
        self._path = Path(path)
        if self._path.suffix.lower() != ".mp4":
            raise StreamdeqError(f"expected a name that ends in .mp4, got {path}: rename it")
        for name, limit in (("max_seconds", max_seconds), ("max_bytes", max_bytes), ("fragment_s", fragment_s)):
            if limit is not None and not limit > 0:
                raise StreamdeqError(f"{name} must be above 0, got {limit}: give another, or leave it out")
        ensure_folder(self._path.parent)
        PendingFile(self._path).discard()
        self._fps = fps or FALLBACK_FPS
        self._max_seconds, self._max_bytes, self._fragment_s = max_seconds, max_bytes, fragment_s
        # No look-ahead: what is encoded is on its way to the disk.
        self._options = {**preset_option(preset), "crf": str(crf), "bf": "0", "tune": "zerolatency", "forced-idr": "1"}
        self._number = highest_number(self._path)
        self._segment: Segment | None = None
        self._error: StreamdeqError | None = None
        self.latest: Path | None = None
        self.finished = 0

    def write(self, item: Frame) -> None:
        if self._error is not None:
            raise self._error
        if self._segment is not None and self._full(self._segment, item):
            self.close()
        try:
            if self._segment is None:
                self._claim_number()
                self._segment = Segment(self._unfinished(), item, self._fps, self._options, self._fragment_s)
            self._segment.write(item)
        except (FFmpegError, OSError) as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Finish the file being written. Writing may go on, in the next one."""
        if self._segment is None or self._error is not None:
            return
        try:
            self._segment.finish()
            os.replace(self._unfinished(), self._final())
        except (FFmpegError, OSError) as error:
            raise self._failed(error) from error
        self._segment = None
        self.latest = self._final()
        self.finished += 1

    def _claim_number(self) -> None:
        """The next number that nobody has: others may write the same row."""
        while True:
            self._number += 1
            try:
                os.close(os.open(self._unfinished(), os.O_WRONLY | os.O_CREAT | os.O_EXCL))  # follows no link either
            except FileExistsError:
                continue
            # In this order: whoever finishes a file with this number gives its name up only for the final one.
            if not os.path.lexists(self._final()):
                return
            self._unfinished().unlink()

    def _failed(self, error: OSError | FFmpegError) -> StreamdeqError:
        """What was written by then stays, as the unfinished file that it is."""
        self._error = StreamdeqError(unwritable(self._final(), error.strerror))
        if self._segment is not None:
            with suppress(FFmpegError):
                self._segment.finish()
        return self._error

    def _full(self, segment: Segment, frame: Frame) -> bool:
        resized = frame.image.shape != segment.shape
        late = self._max_seconds is not None and frame.time_s - segment.start_s >= self._max_seconds
        large = self._max_bytes is not None and segment.bytes_with_another_frame() > self._max_bytes
        return resized or late or large

    def _final(self) -> Path:
        return self._path.with_name(f"{self._path.stem}-{self._number:06d}.mp4")

    def _unfinished(self) -> Path:
        return self._final().with_suffix(".unfinished.mp4")


class Segment:
    """One file being written.

    Attributes:
        shape: of its pictures.
        start_s: time of its first frame, which is its time 0.
    """

    def __init__(self, path: Path, first: Frame, fps: float, options: dict[str, str], fragment_s: float) -> None:
        self.shape = first.image.shape
        self.start_s = first.time_s
        self._fragment_s = fragment_s
        self._key_s = first.time_s
        self._frames = self._fragments = 0
        # As many frames as a fragment may hold: keys are set here, by time, for live sources have no steady rate.
        self._encoder = Encoder(path, first, fps, {**options, "g": "9999"}, FRAGMENTS)

    def write(self, frame: Frame) -> None:
        # A clock that begins anew is taken up by the encoder; here it begins a fragment.
        key = not self._frames or not 0 <= frame.time_s - self._key_s < self._fragment_s
        if key:
            self._key_s = frame.time_s
            self._fragments += 1
        self._frames += 1
        self._encoder.write(replace(frame, time_s=frame.time_s - self.start_s), key=key)

    def bytes_with_another_frame(self) -> int:
        """What the finished file would have, if the next picture is not larger than the largest so far."""
        added = FILE_BYTES + FRAME_BYTES * (self._frames + 1) + FRAGMENT_BYTES * (self._fragments + 1)
        return self._encoder.bytes + self._encoder.largest + added

    def finish(self) -> None:
        self._encoder.finish()


def highest_number(path: Path) -> int:
    """The largest number of a file of this row, finished or not; 0 if there is none."""
    pattern = re.compile(re.escape(path.stem) + r"-([0-9]{6,})(?:\.unfinished)?\.mp4")
    with suppress(OSError):
        found = [match for name in os.listdir(path.parent) if (match := pattern.fullmatch(name))]
        return max((int(match[1]) for match in found), default=0)
    return 0
