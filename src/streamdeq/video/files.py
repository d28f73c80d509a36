"""Video files as a source, on PyAV."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from av.container import InputContainer
from av.error import FFmpegError
from av.format import Flags
from av.packet import Packet

from streamdeq.errors import StreamdeqError
from streamdeq.files import shown
from streamdeq.values.frame import Failure, Frame, Item
from streamdeq.video.clock import Clock
from streamdeq.video.containers import (
    announced_frames,
    announced_seconds,
    average_fps,
    films,
    frames_by_duration,
    open_container,
    origin,
    pixel_aspect,
    stamps,
    video_stream,
)
from streamdeq.video.decoding import Decoder
from streamdeq.video.limits import MAX_PIXELS
from streamdeq.video.pipes import ReadOnce, is_read_once, open_pipe, pipe_name
from streamdeq.video.source import FALLBACK_FPS, SourceInfo, StoredSource, timed

# A damaged file may give errors for ever; a sound one gives none.
READ_ERRORS_IN_A_ROW = 100
# Stamps that run ahead of the frame rate by more are a jump: in what was joined or cut from broadcasts, elsewhere.
BROADCAST_JUMP_S, LONGEST_JUMP_S = 10.0, 108_000.0


def video_file(path: str | os.PathLike[str], fps: float | None = None, max_pixels: int = MAX_PIXELS) -> ContainerSource:
    """A video file, or a pipe, which is read as it comes.

    Args:
        path: the file; a pipe's name, or "-" for standard input.
        fps: frames per second for a file without time stamps (a raw stream).
        max_pixels: larger pictures are not decoded.

    Raises:
        StreamdeqError: the file is missing, unreadable, not a video, or holds no frame that can be decoded.
    """
    name, path = os.fspath(path), Path(path)
    if is_read_once(name):
        pipe = open_pipe(name)
        return ContainerSource(open_container(path, pipe, max_pixels), name, pipe_name(name), "pipe", fps, pipe)
    return ContainerSource(open_container(path, None, max_pixels), name, path.name, "video", fps)


def in_order(head: list[Frame | Failure], rest: Iterator[Frame | Failure]) -> Iterator[Frame | Failure]:
    """First those of the list, of which none is kept."""
    while head:
        yield head.pop(0)
    yield from rest


class ContainerSource(StoredSource):
    """The video of an open container: every frame its packets hold, in the order they are shown, with its own time.

    Args:
        label: for messages.
        name, kind: as in `SourceInfo`.
        fps: frames per second where there are no time stamps.
        pipe: what the container reads from, closed with it.

    Raises:
        StreamdeqError: there is no video in it, or no frame that can be decoded. The container is closed then.
    """

    def __init__(
        self,
        container: InputContainer,
        label: str,
        name: str,
        kind: str,
        fps: float | None,
        pipe: ReadOnce | None = None,
    ) -> None:
        self._container, self._label, self._name, self._pipe = container, label, name, pipe
        try:
            stream = video_stream(container, label)
            form = container.format
            rate = average_fps(stream, form.name)
            time_base = stream.time_base
            step_fps = fps or rate or FALLBACK_FPS
            longest_s = BROADCAST_JUMP_S if form.flags & Flags.ts_discont.value else LONGEST_JUMP_S
            # Pictures come in the order shown: a step back of some frames is no jitter.
            self._clock = Clock(origin(stream), longest_s, longest_step_back_s=min(1.0, 3 / step_fps))
            self._decoder = Decoder(stream, self._clock, step_fps, stamps(stream, form.name))
            self._stream = stream
            self._announced = announced_frames(stream, form.name)
            self._damage = ""
            rest = timed(self._decoded())
            head = self._head(rest)
        except BaseException:
            self._close_container()
            raise
        size_hw = next(item.image.shape[:2] for item in head if isinstance(item, Frame))
        counted = 0 if form.name == "avi" else stream.frames  # AVI counts empty packets too
        frames = self._announced or counted or frames_by_duration(stream, container, rate)
        aspect = pixel_aspect(stream, size_hw)
        info = SourceInfo(name, kind, False, rate, frames, size_hw, time_base, aspect)
        super().__init__(info, in_order(head, rest), self._close_container)

    def _close_container(self) -> None:
        self._container.close()
        if self._pipe is not None:
            self._pipe.close()

    def _items(self) -> Iterator[Item]:
        yield from super()._items()
        said = (self._damage or self._early_end(), self._jumps(), self._left_out())
        self.stats.note = shown("; ".join(filter(None, said)))

    def _head(self, items: Iterator[Frame | Failure]) -> list[Frame | Failure]:
        """Everything up to the first frame: only then is a file known to be of use."""
        head: list[Frame | Failure] = []
        for item in items:
            head.append(item)
            if isinstance(item, Frame):
                return head
        if head:
            raise StreamdeqError(
                f"none of the {len(head)} frames of {self._label} can be decoded: the file is damaged, copy it again"
            )
        raise StreamdeqError(f"{self._label} has a video stream without frames: record or copy it again")

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
                self._damage = f"{self._name} is damaged: {error.strerror}"
                packets = self._container.demux(self._stream)
                errors += 1
                continue
            if packet is None:
                return
            errors = 0
            yield packet

    def _left_out(self) -> str:
        """What else is in the container and in no result."""
        streams = self._container.streams
        if len(shows := films(self._container)) > 1:
            return f"{self._name} has {len(shows)} films: number {shows.index(self._stream) + 1} is taken"
        return f"the sound of {self._name} is left out" if streams.audio else ""

    def _jumps(self) -> str:
        times = self._clock.jumps
        what = f"begin anew or jump {times} times" if times > 1 else "begin anew or jump once"
        return f"the time stamps of {self._name} {what}: bridged by the frame rate" if times else ""

    def _early_end(self) -> str:
        """What to say of a file that holds less than it announces; empty when all is there."""
        if self._missing:
            return f"{self._name} ends early: {self._missing} of its {self._announced} frames are missing"
        announced_s = announced_seconds(self._stream, self._container)
        end_s = self._decoder.end_s
        if announced_s is None or self._clock.jumps:
            return ""
        # Durations are rounded, and some containers count them from their own zero.
        if end_s + max(0.0, float(origin(self._stream) or 0)) + max(0.5, 0.02 * announced_s) >= announced_s:
            return ""
        return f"{self._name} ends early: at {end_s:.2f} of {announced_s:.2f} seconds"
