"""Bounds for whoever connects: how many there may be, and how long one may take to say what it wants."""

import asyncio
from typing import Any

try:
    import resource
except ImportError:  # Windows
    resource = None

#: Connections at a time. A page has two: the picture, and figures.
MOST = 64
#: Of the files that a process may have open, they get this part at the most: the rest is the run's.
PART = 8
#: Not yet accepted, and accepted in one go.
BACKLOG = 16
#: A request's head, and its body, take no longer.
REQUEST_S = 5.0


def most_connections() -> int:
    if resource is None:
        return MOST
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if files < 0 else max(4, min(MOST, files // PART))


def bounded_protocol(most: int, request_s: float = REQUEST_S) -> Any:
    """uvicorn's HTTP, in which a connection over `most` replaces the one that has been idle for longest, or is hung up
    on where all are busy, and one that has not sent the head of a request within `request_s` is hung up on."""
    from uvicorn.protocols.http.h11_impl import H11Protocol

    class Bounded(H11Protocol):
        _limit: asyncio.TimerHandle | None = None
        _heard_s = 0.0
        _upgraded = False  # to a websocket, which has pings of its own

        @property
        def _idle(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._heard_s = self.loop.time()
            if len(self.connections) > most:
                idle = (one for one in self.connections if isinstance(one, Bounded) and one._idle)
                longest = min(idle, key=lambda one: one._heard_s, default=self)
                self.connections.discard(longest)
                longest.transport.abort()
            self._watch()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._heard_s = self.loop.time()
            self._watch()

        def handle_websocket_upgrade(self, event: Any) -> None:
            self._upgraded = True
            super().handle_websocket_upgrade(event)

        def connection_lost(self, exc: Exception | None) -> None:
            self._unwatch()
            super().connection_lost(exc)

        def _watch(self) -> None:
            """While the head of a request is awaited."""
            if self._upgraded or not self._idle or self.transport.is_closing():
                self._unwatch()
            elif self._limit is None:
                self._limit = self.loop.call_later(request_s, self.transport.abort)

        def _unwatch(self) -> None:
            if self._limit is not None:
                self._limit.cancel()
                self._limit = None

    return Bounded
