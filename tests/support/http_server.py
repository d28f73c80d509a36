"""An ASGI application on a real socket, and one request to it."""

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from streamdeq.serving.web.service import LOOPBACK, Service, listen


@contextmanager
def served(app: Any, *, websockets: bool = False) -> Iterator[int]:
    """The port that `app` is served at while the block lasts."""
    listening = listen(LOOPBACK, 0, "--port")
    service = Service(app, listening, websockets=websockets)
    service.start()
    try:
        yield listening.getsockname()[1]
    finally:
        service.stop()


def request(
    port: int, path: str, method: str = "GET", body: Any = None, **headers: str
) -> tuple[int, bytes, dict[str, str]]:
    """Status, body and headers of the answer; a `body` that is no bytes goes as JSON, `_` in a header's name is `-`."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None and not isinstance(body, bytes):
        body, named = json.dumps(body).encode(), {"Content-Type": "application/json", **named}
    connection.request(method, path, body, named)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    return answer.status, text, {name.lower(): value for name, value in answer.getheaders()}
