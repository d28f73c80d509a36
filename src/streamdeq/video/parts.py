"""A part of a film: its frames have the numbers and times that they have in the whole.

A film is divided where that is certain without decoding it: every packet has a presentation time of its own, and
becomes one picture.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from av.container import InputContainer
from av.error import FFmpegError
from av.format import Flags
from av.packet import Packet
from av.video.stream import VideoStream

from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Failure, Frame, Item
from streamdeq.video.clock import Clock
from streamdeq.video.containers import (
    announced_frames,
    average_fps,
    open_container,
    origin,
    pixel_aspect,
    stamps,
    untimed,
    video_stream,
)
from streamdeq.video.decoding import Decoder, hidden
from streamdeq.video.limits import MAX_PIXELS
from streamdeq.video.source import FALLBACK_FPS, SourceInfo, StoredSource, timed

#: A step between frames above this is a jump of the stamps, perhaps.
LONGEST_STEP_S = 10.0


@dataclass(frozen=True)
class FilmIndex:
    """When the frames of a film are shown, in units of its time base.

    Attributes:
        stamps: of all frames, in the order they are shown.
        keys: of those that decoding can begin at, in that order.
        seconds: per unit.
    """

    stamps: list[int]
    keys: list[int]
    seconds: float


@dataclass(frozen=True)
class Part:
    """Frames from the stamp `begin` on and before `end` (None: to the last); `first` is the number of the first one.

    `warm` is the stamp from which frames are handed out, and `seek` that of the key frame which decoding begins at:
    `seek <= warm <= begin`.
    """

    seek: int
    warm: int
    begin: int
    end: int | None
    first: int


def film_index(path: Path, max_pixels: int = MAX_PIXELS) -> FilmIndex | None:
    """None where the film must not be divided. All of the file is read, nothing is decoded.

    Raises:
        StreamdeqError: it cannot be read.
    """
    with open_container(path, None, max_pixels) as container:
        stream = video_stream(container, path)
        form = container.format
        if untimed(container) or stamps(stream, form.name) != "pts" or stream.time_base is None:
            return None
        found, keys, last_dts = [], [], None
        try:
            for packet in container.demux(stream):
                if not packet.size:
                    continue
                pts, dts = packet.pts, packet.dts
                odd = packet.is_discard or packet.is_corrupt or hidden(packet, stream.codec_context.name)
                if pts is None or odd or (last_dts is not None and (dts is None or dts < last_dts)):
                    return None
                last_dts = dts  # the first few may have none
                found.append(pts)
                if packet.is_keyframe:
                    keys.append(pts)
        except FFmpegError:
            return None  # damaged
        announced = announced_frames(stream, form.name)
        seconds, start = float(stream.time_base), stream.start_time
    found.sort()
    longest = LONGEST_STEP_S / seconds
    steps = [after - before for before, after in pairwise(found)]
    if not keys or min(keys) != found[0] or announced not in (None, len(found)):
        return None
    if not all(0 < step <= longest for step in steps):
        return None
    if start is None or found[0] < start or (form.flags & Flags.ts_discont.value and found[0] != start):
        return None
    return FilmIndex(found, sorted(keys), seconds)


def film_part(path: str | os.PathLike[str], part: Part, max_pixels: int = MAX_PIXELS) -> StoredSource:
    """A source of the frames of a part, and of those from `warm` on, of a film that has a `film_index`.

    What does not come out of its packet is a failure with the number it has in the whole.

    Raises:
        StreamdeqError: it cannot be read; the film is another than it was.
    """
    path = Path(path)
    container = open_container(path, None, max_pixels)
    try:
        stream = video_stream(container, path)
        rate = average_fps(stream, container.format.name)
        expected = sorted(
            packet.pts
            for packet in _packets(container, stream, part)
            if packet.pts is not None and packet.pts >= part.warm and (part.end is None or packet.pts < part.end)
        )
        if part.begin not in expected or part.warm not in expected:
            raise StreamdeqError(f"{path} has changed since it was divided; archive it again")
        items = timed(_decoded(container, stream, part, expected, rate or FALLBACK_FPS))
        context = stream.codec_context
        size_hw = (context.height, context.width)
        aspect = pixel_aspect(stream, size_hw)
        info = SourceInfo(path.name, "video", False, rate, len(expected), size_hw, stream.time_base, aspect)
        return StoredSource(info, items, container.close)
    except BaseException:
        container.close()
        raise


def _decoded(
    container: InputContainer, stream: VideoStream, part: Part, expected: list[int], fps: float
) -> Iterator[Frame | Failure]:
    decoder = Decoder(stream, Clock(origin(stream)), fps)
    # Numbers of the frames that only warm up come before the first.
    numbers = range(part.first - expected.index(part.begin), part.first + len(expected))
    pending = deque(zip(expected, numbers, strict=False))
    reason = "no picture came out of its packet"
    for item in _pictures(decoder, container, stream, part):
        if isinstance(item, Failure):
            reason = item.reason
            continue
        while isinstance(item, Frame) and item.pts is not None and pending and pending[0][0] <= item.pts:
            stamp, number = pending.popleft()
            yield replace(item, index=number) if stamp == item.pts else Failure(number, reason)
    yield from (Failure(number, reason) for _, number in pending)


def _pictures(decoder: Decoder, container: InputContainer, stream: VideoStream, part: Part) -> Iterator[Item]:
    for packet in _packets(container, stream, part):
        yield from decoder.feed(packet)
    yield from decoder.finish()


def _packets(container: InputContainer, stream: VideoStream, part: Part) -> Iterator[Packet]:
    """From the part's key frame on, in the order of the file, until no packet of the part can follow."""
    first = True
    _seek(container, stream, part.seek)
    for packet in container.demux(stream):
        if not packet.size:
            continue
        if first and packet.pts != part.seek:
            continue  # a container finds what is before what it is asked for
        first = False
        # A picture is decoded before it is shown, so what is decoded at the end or later is shown later still.
        if part.end is not None and packet.dts is not None and packet.dts >= part.end:
            return
        yield packet


def _seek(container: InputContainer, stream: VideoStream, stamp: int) -> None:
    """To the packet of that stamp or one before it. (Some containers go by the time of decoding, which is earlier.)"""
    assert stream.time_base is not None
    second = round(1 / stream.time_base)
    for back in (0, second, 10 * second):
        container.seek(stamp - back, stream=stream, backward=True)
        packet = next((one for one in container.demux(stream) if one.size), None)
        if packet is not None and packet.pts is not None and packet.pts <= stamp:
            break
    else:
        container.seek(stream.start_time or 0, stream=stream, backward=True)
        return
    container.seek(stamp - back, stream=stream, backward=True)
