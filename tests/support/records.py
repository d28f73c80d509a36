"""Records as a run makes them, and places for them that fail as they are told."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def record(index: int, camera: str = "gate", at: float | None = None, **more: Any) -> dict[str, Any]:
    """The record of an answer, without objects."""
    return {
        "schema": "streamdeq/result@1",
        "camera": camera,
        "at": 1000.0 + index if at is None else at,
        "index": index,
        "time_s": index / 25,
        "iterations": 1,
        "nfe": 1,
        "residual": 0.25,
        "change": None,
        "start": "warm",
        "stopped": "iterations",
        "answer_ms": 12.5,
        "age_ms": None,
        "latency_ms": {"solve": 9.0},
        **more,
    }


def seen(*classes: str) -> list[dict[str, Any]]:
    return [{"class": name, "score": 0.75, "box_xyxy": [1.0, 2.0, 3.0, 4.0], "id": 7} for name in classes]


def event(index: int, camera: str = "gate", **more: Any) -> dict[str, Any]:
    told = {"event": "crossed", "rule": "line", "direction": "in", "class": "car", "id": 3, "score": 0.5}
    own = {"schema": "streamdeq/event@1", "camera": camera, "at": 1000.0 + index, "index": index, "time_s": index / 25}
    return {**own, **told, "box_xyxy": [0.0, 0.0, 9.0, 9.0], "in": 1, "out": 0, **more}


def wait_until(condition, patience_s: float = 60.0) -> None:
    end_s = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end_s, "it did not happen"
        time.sleep(0.01)


class Server:
    """A web server on a free port that answers with `codes` in turn, then with 200, and keeps what it accepted."""

    def __init__(self, codes=(), port=0):
        self.accepted, self.bodies, self.headers, self.codes = [], [], [], list(codes)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                code = outer.codes.pop(0) if outer.codes else 200
                if code == 200:
                    outer.bodies.append(body)
                    outer.headers.append(dict(self.headers))
                    outer.accepted += json.loads(body)["records"]
                self.send_response(code)
                if code == 302:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()

            def log_message(self, *_):
                """Nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
