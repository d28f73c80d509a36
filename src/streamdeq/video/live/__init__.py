"""Live sources: cameras and network streams, read by a process each and reconnected when lost.

Each is read by a process of its own, which can be killed whatever it is stuck in (a listening `av.open` blocks a
whole interpreter). From the camera to the consumer:

    reader (process) ── pictures: ring (shared memory), messages: channel ──► connection ─► inbox ─► source
    supervisor (thread): starts a connection, watches it, waits, starts the next, gives up
"""

from streamdeq.values.live import LivePolicy, Patience
from streamdeq.video.live.address import Address, parse_address
from streamdeq.video.live.redact import redacted
from streamdeq.video.live.source import LiveSource

__all__ = ["Address", "LivePolicy", "LiveSource", "Patience", "parse_address", "redacted"]
