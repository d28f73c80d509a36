"""A server of cameras as another program meets it: real files as cameras, a small real model, real sockets."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streamdeq.serving.api.http import HttpServer
from streamdeq.serving.server import Server, read_config
from streamdeq.serving.server.outputs import Outputs
from support.http_server import request
from support.small_files import image_folder, tiny_weights
from support.small_models import frames

TOKEN = "0123456789abcdef0123"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
LIMIT_S = 60.0


def written(folder: Path, more: str = "") -> Path:
    """The file of a server with two cameras that loop over folders of pictures, `gate` and `yard`."""
    weights = tiny_weights(folder / "tiny.safetensors")
    for seed, name in enumerate(("gate", "yard")):
        image_folder(folder / name, [frame.image for frame in frames(20, seed, (64, 96))])
    file = folder / "cameras.yaml"
    file.write_text(
        f"models:\n  tiny: {{ weights: {weights} }}\n"
        "cameras:\n"
        f"  gate: {{ source: {folder / 'gate'}, model: tiny, fps: 10, max_steps: 4, loop: true }}\n"
        f"  yard: {{ source: {folder / 'yard'}, model: tiny, fps: 10, max_steps: 3, loop: true }}\n" + more
    )
    return file


class Served:
    """A server and its address."""

    def __init__(self, server: Server, http: HttpServer) -> None:
        self.server, self.url = server, http.url
        self.port = http.port

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> tuple[int, Any]:
        """Status, and what the JSON says, of a request with the token."""
        code, text, answered = request(self.port, path, method, body, **{**BEARER, **headers})
        return code, json.loads(text) if "json" in answered.get("content-type", "") else text

    def camera(self, name: str) -> dict[str, Any]:
        return self.ask(f"/cameras/{name}")[1]


@contextmanager
def running(file: Path) -> Iterator[Served]:
    config = read_config(file)
    server = Server(config)
    outputs = Outputs(server, config.results)
    http = HttpServer(server, config.listen, config.allow, outputs, TOKEN)
    with outputs, server, http:
        yield Served(server, http)


def until(fine: Callable[[], Any], what: str) -> None:
    """Wait for something that the server will do."""
    end = time.monotonic() + LIMIT_S
    while not fine():
        assert time.monotonic() < end, f"not within {LIMIT_S:.0f} s: {what}"
        time.sleep(0.05)
