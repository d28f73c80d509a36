"""Video files as a source, on PyAV."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Literal

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.format import Flags
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Failure, Frame, Item
from streamdeq.video.clock import Clock
from streamdeq.video.decoding import Decoder
from streamdeq.video.source import FALLBACK_FPS, SourceInfo, StoredSource, timed

# A damaged file may give errors for ever; a sound one gives none.
READ_ERRORS_IN_A_ROW = 100
# What a container may claim of its frame rate and length.
LOWEST_FPS, HIGHEST_FPS = 0.01, 1000.0
LONGEST_S = 1e7
# Stamps that run ahead of the frame rate by more are a jump: in what was joined or cut from broadcasts, elsewhere.
BROADCAST_JUMP_S, LONGEST_JUMP_S = 10.0, 108_000.0


class VideoFileSource(StoredSource):
    """A video file: every frame its packets hold, in the order they are shown, upright, with its own time.

    Args:
        path: the file.
        fps: frames per second for a file without time stamps (a raw stream).

    Raises:
        StreamdeqError: the file is missing, unreadable, not a video, or holds no frame that can be decoded.
    """

    def __init__(self, path: str | os.PathLike[str], fps: float | None = None) -> None:
        self._path = Path(path)
        self._container = open_container(self._path)
        try:
            stream = video_stream(self._container, self._path)
            kind = self._container.format
            rate = average_fps(stream, kind.name)
            time_base = stream.time_base
            step_fps = fps or rate or FALLBACK_FPS
            longest_s = BROADCAST_JUMP_S if kind.flags & Flags.ts_discont.value else LONGEST_JUMP_S
            # Pictures come in the order shown: a step back of some frames is no jitter.
            self._clock = Clock(origin(stream), longest_s, longest_step_back_s=min(1.0, 3 / step_fps))
            self._decoder = Decoder(stream, self._clock, step_fps, stamps(stream, kind.name))
            self._stream = stream
            self._announced = announced_frames(stream, kind.name)
            self._damage = ""
            rest = timed(self._decoded())
            head = self._head(rest)
        except BaseException:
            self._container.close()
            raise
        size_hw = next(item.image.shape[:2] for item in head if isinstance(item, Frame))
        counted = 0 if kind.name == "avi" else stream.frames  # AVI counts empty packets too
        frames = self._announced or counted or frames_by_duration(stream, self._container, rate)
        info = SourceInfo(self._path.name, "video", False, rate, frames, size_hw, time_base)
        super().__init__(info, chain(head, rest), self._container.close)

    def _items(self) -> Iterator[Item]:
        yield from super()._items()
        self.stats.note = "; ".join(filter(None, (self._damage or self._early_end(), self._jumps())))

    def _head(self, items: Iterator[Frame | Failure]) -> list[Frame | Failure]:
        """Everything up to the first frame: only then is a file known to be of use."""
        head: list[Frame | Failure] = []
        for item in items:
            head.append(item)
            if isinstance(item, Frame):
                return head
        if head:
            raise StreamdeqError(
                f"none of the {len(head)} frames of {self._path} can be decoded: the file is damaged, copy it again"
            )
        raise StreamdeqError(f"{self._path} has a video stream without frames: record or copy it again")

    @property
    def _missing(self) -> int:
        return max(0, (self._announced or 0) - self._decoder.seen)

    def _decoded(self) -> Iterator[Frame | Failure]:
        for packet in self._packets():
            yield from self._decoder.feed(packet)
        yield from self._decoder.finish(self._missing)

    def _packets(self) -> Iterator[Packet]:
        packets = self._container.demux(self._stream)
        errors = 0
        while errors < READ_ERRORS_IN_A_ROW:
            try:
                packet = next(packets, None)
            except FFmpegError as error:
                # The generator is spent, the container is not: it goes on behind the damage.
                self._damage = f"{self._path.name} is damaged: {error.strerror}"
                packets = self._container.demux(self._stream)
                errors += 1
                continue
            if packet is None:
                return
            errors = 0
            yield packet

    def _jumps(self) -> str:
        times = self._clock.jumps
        what = f"begin anew or jump {times} times" if times > 1 else "begin anew or jump once"
        return f"the time stamps of {self._path.name} {what}: bridged by the frame rate" if times else ""

    def _early_end(self) -> str:
        """What to say of a file that holds less than it announces; empty when all is there."""
        if self._missing:
            return f"{self._path.name} ends early: {self._missing} of its {self._announced} frames are missing"
        announced_s = announced_seconds(self._stream, self._container)
        end_s = self._decoder.end_s
        if announced_s is None or self._clock.jumps:
            return ""
        # Durations are rounded, and some containers count them from their own zero.
        if end_s + max(0.0, float(origin(self._stream) or 0)) + max(0.5, 0.02 * announced_s) >= announced_s:
            return ""
        return f"{self._path.name} ends early: at {end_s:.2f} of {announced_s:.2f} seconds"


def open_container(path: Path) -> InputContainer:
    """Open a local file; refuses what is no video container, in words a user can act on."""
    if first_bytes(path).startswith((b"#EXTM3U", b"ffconcat")):
        raise StreamdeqError(f"{path} is a playlist, not a video: give the video it lists, or its network address")
    try:
        # "file:" keeps a name with a colon from being taken for a network address, the white list keeps a
        # file that refers to others from reaching out to the network.
        container = av.open(f"file:{path}", "r", container_options={"protocol_whitelist": "file"})
    except FFmpegError as error:
        raise StreamdeqError(unreadable(path, error)) from error
    if container.format.name == "tty":
        container.close()
        raise StreamdeqError(f"{path} is a text file, not a video: give a video file or a folder of images")
    return container


def first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            start = file.read(12)
    except OSError as error:
        raise StreamdeqError(f"cannot read {path}: {error.strerror}; check the path and its permissions") from error
    if not start:
        raise StreamdeqError(f"{path} is empty (0 bytes): record or copy it again")
    return start


def unreadable(path: Path, error: FFmpegError) -> str:
    """One line on why `path` could not be opened."""
    if first_bytes(path)[4:8] == b"ftyp":
        return f"{path} was cut off before its index (moov) was written, nothing in it can be decoded: copy it again"
    return f"{path} is not a video that can be read ({error.strerror}): give another file, or convert it to mp4"


def video_stream(container: InputContainer, path: Path | str) -> VideoStream:
    """The stream to show: the one players take; a cover picture is none."""
    streams = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not streams:
        kinds = sorted({stream.type for stream in container.streams}) or ["nothing"]
        raise StreamdeqError(f"{path} has no video stream (it holds {', '.join(kinds)}): give a file with pictures")
    best = container.streams.best("video")
    stream = best if isinstance(best, VideoStream) and best in streams else streams[0]
    if stream.codec_context is None:
        raise StreamdeqError(f"no decoder here for the video in {path}: convert it to H.264 mp4")
    return stream


def average_fps(stream: VideoStream, container: str) -> float | None:
    rates = (stream.average_rate, stream.guessed_rate)
    # AVI's average counts the empty packets between pictures.
    for rate in reversed(rates) if container == "avi" else rates:
        if rate and LOWEST_FPS <= rate <= HIGHEST_FPS:
            return float(rate)
    return None


def origin(stream: VideoStream) -> Fraction | None:
    """The time stamp of the start in seconds, where the container says it."""
    if stream.start_time is None or stream.time_base is None:
        return None
    return stream.start_time * stream.time_base


def stamps(stream: VideoStream, container: str) -> Literal["pts", "dts"]:
    """AVI has one time per packet, in decoding order: of no use as it is where pictures are reordered."""
    return "dts" if container == "avi" and stream.codec_context.has_b_frames else "pts"


def announced_frames(stream: VideoStream, container: str) -> int | None:
    """The exact number of packets the file's index lists; None where there is no such index.

    Only mp4 and its kin have one in front of the pictures. Its entries are what remains after edit lists;
    a fragmented file (`frames` 0) lists as it goes.
    """
    return len(stream.index_entries) if container.startswith("mov") and stream.frames else None


def announced_seconds(stream: VideoStream, container: InputContainer) -> float | None:
    """How long the video stream says it is; the container's word counts only when it speaks of nothing else."""
    claims: list[float] = []
    if stream.duration is not None and stream.time_base is not None:
        claims.append(float(stream.duration * stream.time_base))
    if match := re.fullmatch(r"(\d+):(\d+):(\d+(?:\.\d*)?)", stream.metadata.get("DURATION", "").strip()):
        claims.append(int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3]))
    if container.duration is not None and len(container.streams) == 1:
        claims.append(container.duration / av.time_base)
    return next((seconds for seconds in claims if 0 <= seconds <= LONGEST_S), None)


def frames_by_duration(stream: VideoStream, container: InputContainer, fps: float | None) -> int | None:
    seconds = announced_seconds(stream, container)
    if seconds is None and container.duration is not None:
        seconds = container.duration / av.time_base
    return round(seconds * fps) if seconds and seconds <= LONGEST_S and fps else None
