"""A run's page as another program meets it: its address, requests to it, and frames for it to show."""

import http.client
from io import BytesIO
from urllib.parse import parse_qs, urlsplit

import numpy as np
from PIL import Image

from streamdeq.serving.view import Viewer
from streamdeq.values.status import Start, Status

PATHS = ("/", "/status", "/picture", "/controls")


def port_of(viewer: Viewer) -> int:
    port = urlsplit(viewer.url).port
    assert port is not None
    return port


def token_of(viewer: Viewer) -> str:
    return parse_qs(urlsplit(viewer.url).query)["token"][0]


def ask(viewer: Viewer, path: str, body: str | None = None, **headers: str) -> tuple[int, bytes, dict[str, str]]:
    """A GET, or a POST where there is a body, with the token; keyword `content_type` is the header Content-Type."""
    connection = http.client.HTTPConnection("127.0.0.1", port_of(viewer), timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named = {"Authorization": f"Bearer {token_of(viewer)}", **named}
    connection.request("GET" if body is None else "POST", path, body, named)
    answer = connection.getresponse()
    # The picture never ends: its head is enough.
    text = b"" if path == "/picture" and answer.status == 200 else answer.read()
    connection.close()
    return answer.status, text, {name.lower(): value for name, value in answer.getheaders()}


class Pen:
    """Draws a plain picture and counts how often."""

    def __init__(self, colour: tuple[int, int, int] = (200, 30, 30), hw: tuple[int, int] = (24, 40)) -> None:
        self.drawn = 0
        self._picture = np.full((*hw, 3), colour, np.uint8)

    def __call__(self) -> np.ndarray:
        self.drawn += 1
        return self._picture


def status(index: int, iterations: int = 2, residual: float = 0.25, start: Start = Start.WARM) -> Status:
    return Status(index, index / 25, iterations, iterations, residual, start)


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data))
