"""Decode the packets of one video stream to frames and failures, and account for every packet.

Every packet that should become a picture is numbered, and the decoder hands its number on to the picture. A packet
whose picture does not come is a `Failure`. Decoders give pictures in the order they are shown, so a missing one is
known as soon as a later one appears, and takes its place in the order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Literal

from av.codec.context import ThreadType
from av.error import FFmpegError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from streamdeq.values.frame import Failure, Frame
from streamdeq.video.clock import Clock
from streamdeq.video.pixels import UprightRgb

# No decoder holds back more: 16 reference pictures plus as many threads.
LONGEST_DELAY = 64
# Up to full HD one core decodes faster than any model here takes frames; one thread also names the packet an
# error belongs to, and leaves the other cores to the model.
ONE_THREAD_PIXELS = 1920 * 1088
# Each thread has a picture of its own at hand.
MOST_THREADS = 4


@dataclass(frozen=True)
class PendingPacket:
    """A packet whose picture has not come out yet.

    Attributes:
        number: of the packet, from 0.
        position: (number of times the stamps began anew, time stamp), by which pictures are shown; None if unknown.
        incomplete: bytes of the packet are missing, and the decoder will not notice.
    """

    number: int
    position: tuple[int, int] | None
    incomplete: bool


class Decoder:
    """The pictures of one video stream, counted.

    `feed` takes the packets of the stream in the order of the file, `finish` ends it. Both give what came out,
    in the order it is shown.

    Args:
        clock: makes times of stamps.
        fps: frames per second where stamps tell nothing.
        stamps: "pts", or "dts" for a container that keeps no presentation times: pictures then take the decoding
            times in the order they come out.

    Attributes:
        seen: packets fed so far.
        end_s: when the last frame so far ends.
    """

    def __init__(self, stream: VideoStream, clock: Clock, fps: float, stamps: Literal["pts", "dts"] = "pts") -> None:
        context = stream.codec_context
        many = context.width * context.height > ONE_THREAD_PIXELS
        # Frame threads only: slice threads switch off the marking of damaged pictures in H.264.
        context.thread_type = ThreadType.FRAME if many else ThreadType.NONE
        context.thread_count = min(os.cpu_count() or 1, MOST_THREADS) if many else 1
        context.copy_opaque = True
        self._context = context
        self._clock = clock
        self._fps = fps
        self._time_base = stream.time_base
        self._decoding_times: list[int] | None = [] if stamps == "dts" else None
        self._last_stamped = (0, 0.0)  # index and time of the last frame with a stamp
        self._in_show_order = True
        self._restarts = 0
        self._last_dts = 0
        self._upright = UprightRgb()
        self._pending: dict[int, PendingPacket] = {}
        self._errors: list[str] = []
        self._index = 0
        self.seen = 0
        self.end_s = 0.0

    def feed(self, packet: Packet) -> Iterator[Frame | Failure]:
        if not packet.size:
            return
        if not (packet.is_discard or hidden(packet, self._context.name)):
            # PyAV finds it again by its identity: a number would be the same object in every decoder.
            packet.opaque = self._pending[self.seen] = self._expect(packet)
        self.seen += 1
        for picture in self._decode(packet):
            yield from self._emit(picture)
        # Where nothing has a time stamp, too long a delay tells of a loss.
        yield from self._fail([n for n in self._pending if n < self.seen - LONGEST_DELAY])

    def finish(self, missing: int = 0) -> Iterator[Frame | Failure]:
        """Empty the decoder; what is still owed failed, and so did `missing` frames that never arrived."""
        for picture in self._decode(None):
            yield from self._emit(picture)
        yield from self._fail(list(self._pending))
        for _ in range(missing):
            yield self._failure("missing: the file ends early")

    def _expect(self, packet: Packet) -> PendingPacket:
        if self._decoding_times is not None:
            packet.pts = None
            if packet.dts is not None:
                heappush(self._decoding_times, packet.dts)
        if packet.dts is not None:
            self._restarts += packet.dts < self._last_dts
            self._last_dts = packet.dts
        position = None if packet.pts is None else (self._restarts, packet.pts)
        # Decoders that predict mark what damage does to the picture; those of single pictures fill up in silence.
        return PendingPacket(self.seen, position, packet.is_corrupt and self._context.codec.intra_only)

    def _decode(self, packet: Packet | None) -> list[VideoFrame]:
        try:
            return self._context.decode(packet)
        except FFmpegError as error:
            # With several threads the error may belong to an earlier packet: it explains a loss, it makes none.
            self._errors.append(f"cannot be decoded: {error.strerror}")
            return []

    def _emit(self, picture: VideoFrame) -> Iterator[Frame | Failure]:
        source = self._packet_of(picture)
        if source is not None and source.position is not None:
            yield from self._fail(self._overtaken(source.position, picture.interlaced_frame))
        if picture.is_corrupt:
            yield self._failure("damaged picture")
        elif source is not None and source.incomplete:
            yield self._failure("incomplete packet")
        else:
            yield self._frame(picture)

    def _packet_of(self, picture: VideoFrame) -> PendingPacket | None:
        if isinstance(picture.opaque, PendingPacket):
            # Given up and here after all: the time stamps of this stream do not tell the order.
            self._in_show_order &= picture.opaque.number in self._pending
            return self._pending.pop(picture.opaque.number, None)
        # A decoder that does not hand numbers on: by time stamp.
        same = [n for n, packet in self._pending.items() if packet.position == (self._restarts, picture.pts)]
        return self._pending.pop(same[0]) if same else None

    def _overtaken(self, position: tuple[int, int], interlaced: bool) -> list[int]:
        """Packets whose pictures would have been shown before `position`."""
        if not self._in_show_order:
            return []
        late = self._in_order([n for n, p in self._pending.items() if p.position is not None and p.position < position])
        if interlaced:
            # Two fields in two packets make one picture: a second packet without an error is no loss.
            for number in late[len(self._errors) :]:
                del self._pending[number]
            return late[: len(self._errors)]
        return late

    def _fail(self, numbers: list[int]) -> Iterator[Failure]:
        for number in self._in_order(numbers):
            reason = self._errors.pop(0) if self._errors else "no picture came out of its packet"
            del self._pending[number]
            yield self._failure(reason)

    def _in_order(self, numbers: list[int]) -> list[int]:
        """Packet numbers in the order their pictures would be shown; without time stamps as they came."""
        known = [position for n in numbers if (position := self._pending[n].position) is not None]
        return [n for _, n in sorted(zip(known, numbers, strict=True))] if len(known) == len(numbers) else numbers

    def _frame(self, picture: VideoFrame) -> Frame:
        image = self._upright(picture)
        index, pts = self._next(picture.pts)
        since, time_s = self._last_stamped
        stamp = None if pts is None or self._time_base is None else pts * self._time_base
        time_s = self._clock.at(stamp, time_s + (index - since) / self._fps)
        if stamp is not None:
            self._last_stamped = (index, time_s)
        lasts_s = float(picture.duration * self._time_base) if picture.duration and self._time_base else 0.0
        self.end_s = time_s + max(lasts_s, 1 / self._fps)
        return Frame(image, index, time_s, pts, None if pts is None else self._time_base)

    def _failure(self, reason: str) -> Failure:
        return Failure(self._next(None)[0], reason)

    def _next(self, pts: int | None) -> tuple[int, int | None]:
        """Number and time stamp of the next frame or failure."""
        index, self._index = self._index, self._index + 1
        return index, heappop(self._decoding_times) if self._decoding_times else pts


def hidden(packet: Packet, codec: str) -> bool:
    """VP8 keeps reference pictures that are never shown in packets of their own (RFC 6386, 9.1: show_frame)."""
    return codec == "vp8" and not bytes(memoryview(packet)[:1])[0] & 0x10
