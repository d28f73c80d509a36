"""How much whoever connects may ask for: requests in a time, and bytes in a body."""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from streamdeq.codec import Option
from streamdeq.serving.web.connections import REQUEST_S
from streamdeq.serving.web.problems import App, RefusedError, Send, refuse

#: Addresses that are remembered; the one that was heard of longest ago is forgotten first.
CLIENTS = 4096
#: A refused request counts as so many: who guesses tokens is slowed down long before anybody else is.
REFUSED = 10
JSON = "application/json"


@dataclass(frozen=True)
class RateLimit:
    """Requests of one address: so many a second on the long run, so many at once."""

    per_s: Annotated[float, Option("Requests a second of one address.")] = 50.0
    burst: Annotated[int, Option("Requests of one address at once.", least=1)] = 200


class Rate:
    """A token bucket per client."""

    def __init__(self, limit: RateLimit, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # what is left, and when that was

    def take(self, client: str, count: int = 1) -> float:
        """Seconds until `client` may ask again; 0 and so many taken, where it may now. It can come to owe `burst`."""
        now = self._clock()
        left, then = self._buckets.pop(client, (float(self._limit.burst), now))
        left = min(self._limit.burst, left + (now - then) * self._limit.per_s)
        wait_s = max(0.0, (1 - left) / self._limit.per_s)
        self._buckets[client] = (left if wait_s else max(left - count, -self._limit.burst), now)
        while len(self._buckets) > CLIENTS:
            self._buckets.popitem(last=False)
        return wait_s


def limited(app: App, rate: Rate) -> App:
    """The ASGI application `app`, in which a client beyond its `rate` is told 429 and when to come back."""

    async def bounded(scope: Any, receive: Any, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await app(scope, receive, send)
        client = (scope.get("client") or ("",))[0]
        if wait_s := rate.take(client):
            later = str(math.ceil(wait_s))
            told = f"too many requests: ask again in {later} s"
            return await refuse(scope, receive, send, 429, told, [("retry-after", later)])

        async def counting(message: Any) -> None:
            if message.get("status") in (401, 403) or (message["type"] == "websocket.close" and "code" in message):
                rate.take(client, REFUSED - 1)
            await send(message)

        await app(scope, receive, counting)

    return bounded


async def json_body(request: Any, most: int, within_s: float = REQUEST_S) -> bytes:
    """The body of a request that says it is JSON, which a foreign page's form cannot send.

    Raises:
        RefusedError: it is something else, has more than `most` bytes, or takes longer than `within_s`.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(within_s):
            async for chunk in request.stream():
                body += chunk
                if len(body) > most:
                    raise RefusedError(413, f"expected at most {most} bytes")
    except TimeoutError:
        raise RefusedError(408, f"expected the whole request within {within_s:g} seconds") from None
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != JSON:
        raise RefusedError(415, f"expected Content-Type: {JSON}")
    return bytes(body)
