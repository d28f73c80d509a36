"""Video files as a source, on PyAV."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Literal

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Failure, Frame, Item
from streamdeq.video.decoding import Clock, Decoder
from streamdeq.video.source import FALLBACK_FPS, SourceInfo, StoredSource, timed

# A damaged file may give errors for ever; a sound one gives none.
READ_ERRORS_IN_A_ROW = 100
HIGHEST_FPS = 1000.0


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
            rate = average_fps(stream)
            time_base = stream.time_base
            self._clock = Clock(time_base, stream.start_time or 0, fps or rate or FALLBACK_FPS)
            self._decoder = Decoder(stream, self._clock, stamps(stream, self._container.format.name))
            self._stream = stream
            self._announced = announced_frames(stream, self._container.format.name)
            self._note = ""
            rest = timed(self._decoded())
            head = self._head(rest)
        except BaseException:
            self._container.close()
            raise
        size_hw = next(item.image.shape[:2] for item in head if isinstance(item, Frame))
        frames = self._announced or stream.frames or frames_by_duration(stream, self._container, rate)
        info = SourceInfo(self._path.name, "video", False, rate, frames, size_hw, time_base)
        super().__init__(info, chain(head, rest), self._container.close)

    def _items(self) -> Iterator[Item]:
        yield from super()._items()
        self.stats.note = self._note

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

    def _decoded(self) -> Iterator[Frame | Failure]:
        end_s = 0.0
        for packet in self._packets():
            for item in self._decoder.feed(packet):
                end_s = item.time_s if isinstance(item, Frame) else end_s
                yield item
        missing = max(0, (self._announced or 0) - self._decoder.seen)
        for item in self._decoder.finish(missing):
            end_s = item.time_s if isinstance(item, Frame) else end_s
            yield item
        self._note = self._note or self._early_end(end_s, missing)

    def _packets(self) -> Iterator[Packet]:
        packets = self._container.demux(self._stream)
        errors = 0
        while errors < READ_ERRORS_IN_A_ROW:
            try:
                packet = next(packets, None)
            except FFmpegError as error:
                # The generator is spent, the container is not: it goes on behind the damage.
                self._note = f"{self._path.name} is damaged: {error.strerror}"
                packets = self._container.demux(self._stream)
                errors += 1
                continue
            if packet is None or not packet.size:
                return
            errors = 0
            yield packet

    def _early_end(self, end_s: float, missing: int) -> str:
        """What to say of a file that holds less than it announces; empty when all is there."""
        if missing:
            return f"{self._path.name} ends early: {missing} of its {self._announced} frames are missing"
        announced_s = announced_seconds(self._stream, self._container)
        # Durations are rounded, and the last frame lasts a while itself.
        if announced_s is None or end_s + max(0.5, 0.02 * announced_s) >= announced_s:
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


def average_fps(stream: VideoStream) -> float | None:
    for rate in (stream.average_rate, stream.guessed_rate):
        if rate and 0 < rate <= HIGHEST_FPS:
            return float(rate)
    return None


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
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if tag := stream.metadata.get("DURATION"):
        hours, minutes, seconds = tag.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    if container.duration is not None and len(container.streams) == 1:
        return float(Fraction(container.duration, av.time_base))
    return None


def frames_by_duration(stream: VideoStream, container: InputContainer, fps: float | None) -> int | None:
    seconds = announced_seconds(stream, container)
    if seconds is None and container.duration is not None:
        seconds = container.duration / av.time_base
    return round(seconds * fps) if seconds and fps else None
