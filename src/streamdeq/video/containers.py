"""Open containers with PyAV within limits, and read what they say of their video."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, Literal

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.format import Flags
from av.stream import Disposition
from av.video.stream import VideoStream

from streamdeq.errors import StreamdeqError
from streamdeq.video.hardware import decoding
from streamdeq.video.limits import MAX_PIXELS, check_pixels
from streamdeq.video.pipes import ReadOnce

# What a container may claim of its frame rate and length.
LOWEST_FPS, HIGHEST_FPS = 0.01, 1000.0
LONGEST_S = 1e7
#: PyAV before 19 refuses a file whose texts are no UTF-8 unless told otherwise; later ones read it.
TEXTS: dict[str, Any] = {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < 19 else {}


def opened(source: Any, max_pixels: int = MAX_PIXELS, **settings: Any) -> InputContainer:
    """`av.open` for reading: pictures of more than `max_pixels` are not decoded, and no text in it can be wrong.

    Raises:
        FFmpegError: it cannot be read.
    """
    # Looking for streams decodes pictures too: the limit must be known there already. Decoders round sizes up.
    options = {"max_pixels": str(int(1.1 * max_pixels) + 100_000)}
    try:
        container = decoding(partial(av.open, source, "r", options=options, **TEXTS, **settings))
    except BaseException:
        if isinstance(source, ReadOnce):
            source.close()
        raise
    for stream in container.streams.video:
        if stream.codec_context is not None:
            stream.codec_context.options = {**stream.codec_context.options, **options}
    return container


def open_container(path: Path, pipe: ReadOnce | None, max_pixels: int) -> InputContainer:
    """Open a local file or pipe; refuses what is no video container, in words a user can act on."""
    head = first_bytes(path) if pipe is None else pipe.head
    if head.startswith((b"#EXTM3U", b"ffconcat")):
        raise StreamdeqError(f"{path} is a playlist, not a video: give the video it lists, or its network address")
    try:
        # "file:" keeps a name with a colon from being taken for a network address, the white list keeps a
        # file that refers to others from reaching out to the network.
        whitelist = {"protocol_whitelist": "file"}
        # A row of JPEG pictures is one by its first bytes, whatever its name makes FFmpeg think.
        form = "mjpeg" if head.startswith(b"\xff\xd8\xff") else None
        container = opened(pipe or f"file:{path}", max_pixels, format=form, container_options=whitelist)
    except FFmpegError as error:
        raise StreamdeqError(unreadable(path, head, error)) from error
    for stream in films(container):
        if (context := stream.codec_context) is not None:
            try:
                check_pixels(str(path), context.width, context.height, max_pixels)
            except StreamdeqError:
                container.close()
                raise
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


def unreadable(path: Path, head: bytes, error: FFmpegError) -> str:
    """One line on why `path`, which begins with `head`, could not be opened."""
    if head[4:8] == b"ftyp":
        return f"{path} was cut off before its index (moov) was written, nothing in it can be decoded: copy it again"
    return f"{path} is not a video that can be read ({error.strerror}): give another file, or convert it to mp4"


def films(container: InputContainer) -> list[VideoStream]:
    """Its video streams; a cover picture is none."""
    return [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]


def pixel_aspect(stream: VideoStream, size_hw: tuple[int, int]) -> Fraction | None:
    """Width over height of a pixel of the upright picture; None where square, unknown or beyond reason."""
    aspect = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    if not aspect or aspect == 1 or not Fraction(1, 10) <= aspect <= 10:
        return None
    turned = size_hw == (stream.codec_context.width, stream.codec_context.height)
    return 1 / Fraction(aspect) if turned else Fraction(aspect)


def video_stream(container: InputContainer, path: Path | str) -> VideoStream:
    """The stream to show: the one players take."""
    streams = films(container)
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


def untimed(container: InputContainer) -> bool:
    """Whether time stamps are made up by the library: raw streams and rows of pictures have none."""
    return bool(container.format.flags & Flags.no_timestamps.value) or container.format.name.endswith("_pipe")
