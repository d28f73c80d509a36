"""A motion JPEG: the newest picture, whenever the reader has taken the last one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

BOUNDARY = b"frame"
MEDIA_TYPE = f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}"
#: Time between two pictures at the least; also how soon a new one is noticed.
PERIOD_S = 1 / 30


class Pictures(Protocol):
    """What has a newest picture."""

    @property
    def newest(self) -> int:
        """The number of the newest picture; 0 before the first."""
        ...

    @property
    def finished(self) -> bool: ...

    def picture(self) -> tuple[int, bytes]:
        """The newest picture's number and its JPEG; takes milliseconds."""
        ...


async def motion_jpeg(pictures: Pictures, period_s: float = PERIOD_S) -> AsyncIterator[bytes]:
    """The parts, until the end. A slow reader misses pictures and holds nobody up; what waits for it is one picture."""
    # A browser shows a part when the boundary behind it arrives: so each is sent with the part it closes.
    yield b"--" + BOUNDARY + b"\r\n"
    sent = 0
    while not (pictures.finished and pictures.newest == sent):
        if pictures.newest != sent:
            # On a thread: drawing and encoding take milliseconds, in which others may be answered.
            sent, data = await asyncio.to_thread(pictures.picture)
            yield part(data)
        await asyncio.sleep(period_s)


def part(data: bytes) -> bytes:
    """One picture and the boundary behind it."""
    return b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n--%b\r\n" % (len(data), data, BOUNDARY)
