"""The process that reads one connection of a live source: opens, decodes, sends, ends.

Reconnecting, dropping and giving up are its parent's. Whatever it is stuck in, it can be killed.
Run as `python -m streamdeq.video.live.reader SOCKET PARENT`; everything else comes over the socket, for arguments
can be read by everybody on the machine.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator

import av
import av.logging
from av.container import InputContainer
from av.error import EOFError as AvEOFError
from av.error import ExitError, FFmpegError, HTTPForbiddenError, HTTPUnauthorizedError, ProtocolNotFoundError
from av.packet import Packet
from av.video.stream import VideoStream

from streamdeq.errors import StreamdeqError
from streamdeq.values.frame import Failure, Frame
from streamdeq.video.clock import Clock
from streamdeq.video.containers import HIGHEST_FPS, opened, stamps, untimed, video_stream
from streamdeq.video.decoding import Decoder
from streamdeq.video.live.messages import Channel, Decoded, Ended, Job, Memory, Opened
from streamdeq.video.live.ring import Ring, new_memory
from streamdeq.video.source import FALLBACK_FPS

# A damaged stream may give errors for ever; a sound one gives none.
READ_ERRORS_IN_A_ROW = 100
# Pictures under way may take so much together, but for the fewest that are needed.
RING_BYTES, LEAST_SLOTS = 256 << 20, 3
# How often a full ring is looked at while a recording waits.
POLL_S = 0.002
# A piece that comes later than this was not there yet: from then on all are shown later, or every piece would be a
# burst. A longer step from packet to packet is no step: pieces are missing, or the stamps begin anew.
LONGEST_LATE_S = 0.1
LONGEST_STEP_S = 1.0
PERMANENT = (HTTPForbiddenError, HTTPUnauthorizedError, ProtocolNotFoundError)
PR_SET_PDEATHSIG = 1


def main() -> None:
    end_with_parent(int(sys.argv[2]))
    av.logging.set_libav_level(av.logging.PANIC)
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    first = channel.receive()
    if first is None or not isinstance(first[0], Job):
        return
    try:
        channel.send(read(first[0], channel))
    except ConnectionError:
        return  # nobody is there to hear of it


def end_with_parent(parent: int) -> None:
    """Never outlive the parent, not even stuck in a call. Elsewhere than on Linux the next message fails."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit()


def read(job: Job, channel: Channel) -> Ended:
    """One connection from its beginning to its end."""
    patience_s = job.open_timeout_s
    try:
        with open_source(job) as container:
            patience_s = job.read_timeout_s
            stream = video_stream(container, "the source")
            recorded = job.url.startswith("http") and has_an_end(container)
            time_base = stream.time_base
            decoder = Decoder(stream, Clock(), FALLBACK_FPS, stamps(stream, container.format.name))
            fraction = None if time_base is None else [time_base.numerator, time_base.denominator]
            arrival = untimed(container) and not recorded  # made-up stamps tell less than when a frame came
            channel.send(Opened(None if arrival else announced_fps(stream), fraction, recorded))
            sender = FrameSender(channel, job.slots, patient=recorded, stamped=not arrival)
            unit_s = float(time_base or 0)
            pacer = Pacer(channel.waiting, unit_s, time.monotonic) if is_hls(container) and not recorded else None
            for packet in packets(container, channel):
                if pacer is not None:
                    pacer.wait(packet.dts)
                sender.send(decoder.feed(packet))
            sender.send(decoder.finish())
            return Ended("the source ended", over=recorded)
    except StreamdeqError as error:
        return Ended(str(error))
    except ExitError:
        return Ended(f"nothing came for {patience_s:g} s")
    except FFmpegError as error:
        return Ended(error.strerror or type(error).__name__, permanent=isinstance(error, PERMANENT))


def open_source(job: Job) -> InputContainer:
    # Without waiting to estimate the rate, frames come in a quarter of a second instead of one and a half.
    options = {"fpsprobesize": "0", **job.options}
    patience_s = (job.open_timeout_s, job.read_timeout_s)
    return opened(job.url, format=job.format, container_options=options, timeout=patience_s)


def has_an_end(container: InputContainer) -> bool:
    """A length in seconds or, where that is not the length of a play list, in bytes."""
    return bool(container.duration) or (container.size > 0 and not is_hls(container))


def is_hls(container: InputContainer) -> bool:
    return container.format.name.startswith("hls")


def announced_fps(stream: VideoStream) -> float | None:
    """What the source says of itself; the library's guess is off by two for streams that it has not watched."""
    for rate in (stream.average_rate, stream.codec_context.framerate):
        if rate and 0 < rate <= HIGHEST_FPS:
            return float(rate)
    return None


def packets(container: InputContainer, channel: Channel) -> Iterator[Packet]:
    """Packets until the source ends, or the parent says that it has enough."""
    stream = video_stream(container, "the source")
    rest = container.demux(stream)
    errors = 0
    while not channel.waiting():
        try:
            packet = next(rest, None)
        except (ExitError, AvEOFError, OSError):
            raise
        except FFmpegError:
            # The generator is spent, the container is not: it goes on behind the damage.
            rest = container.demux(stream)
            errors += 1
            if errors >= READ_ERRORS_IN_A_ROW:
                raise
            continue
        if packet is None or not packet.size:
            return
        errors = 0
        yield packet


class Pacer:
    """Lets packets that come in pieces of many seconds pass as they are meant to be shown.

    Args:
        wait: sleeps so many seconds, or less when nobody wants packets any more.
        unit_s: seconds per unit of the packets' time stamps.
        now: a monotonic clock in seconds.
    """

    def __init__(self, wait: Callable[[float], object], unit_s: float, now: Callable[[], float]) -> None:
        self._wait = wait
        self._now = now
        self._unit_s = unit_s
        self._zero_s = 0.0
        self._last_s: float | None = None

    def wait(self, dts: int | None) -> None:
        """Until this packet is due."""
        if dts is None:
            return
        now_s, at_s = self._now(), dts * self._unit_s
        steady = self._last_s is not None and 0 <= at_s - self._last_s <= LONGEST_STEP_S
        if not steady or now_s - at_s > self._zero_s + LONGEST_LATE_S:
            self._zero_s = now_s - at_s
        self._last_s = at_s
        due_s = self._zero_s + at_s
        if due_s > now_s:
            self._wait(due_s - now_s)


class FrameSender:
    """Frames and failures to messages, pictures to shared memory.

    Args:
        patient: wait for a free slot rather than go on without the frame.
        stamped: frames' time stamps are worth sending.
    """

    def __init__(self, channel: Channel, slots: int, *, patient: bool, stamped: bool) -> None:
        self._channel = channel
        self._slots = slots
        self._patient = patient
        self._stamped = stamped
        self._ring: Ring | None = None

    def send(self, items: Iterator[Frame | Failure]) -> None:
        """Whatever the decoder makes of the packet that has just come."""
        captured_s = time.monotonic()
        for item in items:
            if isinstance(item, Failure):
                self._channel.send(Decoded(item.index, captured_s, error=item.reason))
            else:
                self._send_frame(item, captured_s)

    def _send_frame(self, frame: Frame, captured_s: float) -> None:
        spent_s = time.monotonic() - captured_s
        height, width = frame.image.shape[:2]
        slot = self._store(frame)
        pts = frame.pts if self._stamped else None
        self._channel.send(Decoded(frame.index, captured_s, slot, "", height, width, pts, spent_s))

    def _store(self, frame: Frame) -> int | None:
        if self._ring is None or self._ring.slot_bytes < frame.image.nbytes:
            self._ring = self._new_ring(frame.image.nbytes)
        slot = self._ring.put(frame.image)
        while slot is None and self._patient and not self._channel.waiting():
            time.sleep(POLL_S)
            slot = self._ring.put(frame.image)
        return slot

    def _new_ring(self, slot_bytes: int) -> Ring:
        # The old one lives on in the parent until its last picture is taken.
        slots = max(LEAST_SLOTS, min(self._slots, RING_BYTES // slot_bytes))
        file = new_memory(slots, slot_bytes)
        try:
            self._channel.send(Memory(slots, slot_bytes), file)
            return Ring(file, slots, slot_bytes)
        finally:
            os.close(file)


if __name__ == "__main__":
    main()
