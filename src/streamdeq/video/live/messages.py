"""The messages between a reading process and the program, and the socket they travel over.

Messages are small: pictures go through shared memory, whose descriptor travels with a message.
"""

from __future__ import annotations

import json
import os
import select
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

HEADER = struct.Struct("!I")


@dataclass(frozen=True)
class Job:
    """What to read. `slots`: pictures that may be under way."""

    url: str = field(repr=False)
    format: str | None
    options: dict[str, str] = field(repr=False)
    open_timeout_s: float
    read_timeout_s: float
    slots: int


@dataclass(frozen=True)
class Opened:
    """The source is there. `time_base` as [numerator, denominator]; a recording has an end, and waits to be read."""

    fps: float | None
    time_base: list[int] | None
    recorded: bool


@dataclass(frozen=True)
class Memory:
    """From now on pictures are in this memory, whose descriptor comes along."""

    slots: int
    slot_bytes: int


@dataclass(frozen=True)
class Decoded:
    """What came of one frame: a picture in `slot`, an `error`, or neither, where all slots were taken.

    Attributes:
        index: 0-based within this connection.
        captured_s: when its data arrived, on the clock of `time.monotonic`.
    """

    index: int
    captured_s: float
    slot: int | None = None
    error: str = ""
    height: int = 0
    width: int = 0
    pts: int | None = None
    decode_s: float = 0.0


@dataclass(frozen=True)
class Ended:
    """Nothing more will come. `over`: a recording was read to its end; `permanent`: no use to try again."""

    reason: str
    over: bool = False
    permanent: bool = False


Message = Job | Opened | Memory | Decoded | Ended
KINDS: dict[str, Any] = {kind.__name__: kind for kind in (Job, Opened, Memory, Decoded, Ended)}


class Channel:
    """Messages in order, over one end of a stream socket pair.

    Raises while sending or receiving:
        ConnectionError: the other side is gone.
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._poll = select.poll()
        self._poll.register(end, select.POLLIN)

    def send(self, message: Message, file: int | None = None) -> None:
        """`file`: a descriptor to hand over; stays open here too."""
        body = json.dumps([type(message).__name__, vars(message)]).encode()
        data = HEADER.pack(len(body)) + body
        if file is None:
            self._socket.sendall(data)
        else:
            sent = socket.send_fds(self._socket, [data], [file])
            self._socket.sendall(data[sent:])

    def waiting(self, timeout_s: float = 0.0) -> bool:
        """True when a message or the end has come, at the latest after `timeout_s`."""
        return bool(self._poll.poll(timeout_s * 1000))

    def receive(self) -> tuple[Message, int | None] | None:
        """The next message and the descriptor that came along, the caller's to close; None at the end."""
        header, files, _, _ = socket.recv_fds(self._socket, HEADER.size, 1)
        if not header:
            return None
        header += self._exactly(HEADER.size - len(header))
        kind, fields = json.loads(self._exactly(HEADER.unpack(header)[0]))
        for file in files:
            os.set_inheritable(file, False)
        return KINDS[kind](**fields), files[0] if files else None

    def end(self) -> None:
        """Say that nothing more will be sent from here; receiving goes on."""
        self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._socket.close()

    def _exactly(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            part = self._socket.recv(size - len(data))
            if not part:
                raise ConnectionResetError("the other side ended in the middle of a message")
            data += part
        return data
