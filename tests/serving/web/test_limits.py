"""How often one may ask, how much one may send, and what the log says of it."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.http_server import request, served

from streamdeq.errors import StreamdeqError
from streamdeq.serving.web.access import Access, fixed_token
from streamdeq.serving.web.limits import CLIENTS, Rate, RateLimit, json_body, limited
from streamdeq.serving.web.logs import log_to, logged
from streamdeq.serving.web.problems import RefusedError, answer_errors

TOKEN = "0123456789abcdef0123"


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_client_may_ask_in_a_burst_and_then_at_the_rate():
    clock = Clock()
    rate = Rate(RateLimit(per_s=2.0, burst=3), clock)
    assert [rate.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert rate.take("b") == 0.0  # another's is its own
    clock.now = 0.5
    assert [rate.take("a"), rate.take("a")] == [0.0, 0.5]
    clock.now = 100.0
    assert [rate.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]  # no more than a burst is saved up


def test_who_is_refused_waits_longer_and_not_for_ever():
    clock = Clock()
    rate = Rate(RateLimit(per_s=1.0, burst=5), clock)
    for _ in range(100):
        rate.take("a", 10)
    assert 1.0 < rate.take("a") <= 6.0


def test_no_more_clients_are_remembered_than_there_is_room_for():
    rate = Rate(RateLimit())
    for number in range(CLIENTS + 100):
        rate.take(str(number))
    assert len(rate._buckets) == CLIENTS


def small_app() -> Any:
    from fastapi import FastAPI, Request

    app = FastAPI(openapi_url=None)
    answer_errors(app, {"Cache-Control": "no-store"})

    @app.post("/echo")
    async def echo(request: Request) -> Any:
        return {"bytes": len(await json_body(request, 20))}

    @app.get("/fails/{how}")
    async def fails(how: int) -> Any:
        errors = (StreamdeqError("expected this, got that"), RefusedError(409, "taken"), ValueError("rtsp://u:p@cam/x"))
        raise errors[how]

    return app


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with served(small_app()) as one:
        yield one


@pytest.mark.parametrize(
    ("path", "status", "title", "detail"),
    [
        ("/fails/0", 400, "Bad Request", "expected this, got that"),
        ("/fails/1", 409, "Conflict", "taken"),
        ("/fails/2", 500, "Internal Server Error", "this is a bug; the server's log has more"),
        ("/nothing", 404, "Not Found", "Not Found"),
    ],
)
def test_every_error_is_a_problem_of_rfc_9457(port: int, path: str, status: int, title: str, detail: str):
    code, text, headers = request(port, path)
    assert (code, headers["content-type"]) == (status, "application/problem+json")
    assert json.loads(text) == {"type": "about:blank", "title": title, "status": status, "detail": detail}


def test_a_value_of_another_type_and_a_method_that_is_not_are_problems_too(port: int):
    code, text, _ = request(port, "/fails/x")
    assert (code, json.loads(text)["detail"].split(":")[0]) == (422, "how")
    code, text, headers = request(port, "/echo")
    assert (code, json.loads(text)["title"], headers["allow"]) == (405, "Method Not Allowed", "POST")


def test_a_body_is_json_and_no_longer_than_it_may_be(port: int):
    assert json.loads(request(port, "/echo", "POST", "x" * 18)[1]) == {"bytes": 20}
    assert request(port, "/echo", "POST", "x" * 19)[0] == 413
    assert request(port, "/echo", "POST", b"{}")[0] == 415


def test_who_guesses_tokens_is_soon_told_to_wait():
    guarded = Access("cams", TOKEN).guard(small_app(), ["127.0.0.1"])
    with served(limited(guarded, Rate(RateLimit(per_s=1.0, burst=50), Clock()))) as port:
        codes = [request(port, "/", Authorization=f"Bearer {guess}")[0] for guess in range(7)]
        assert codes == [403] * 5 + [429] * 2
        code, text, headers = request(port, "/", Authorization=f"Bearer {TOKEN}")
        assert (code, int(headers["retry-after"]) >= 1) == (429, True)
        assert json.loads(text)["title"] == "Too Many Requests"


def test_the_log_has_a_json_line_for_a_request_and_no_secret_in_it():
    stream = io.StringIO()
    handler = log_to(stream)
    try:
        with served(logged(small_app())) as port:
            request(port, f"/fails/1?token={TOKEN}", Cookie=f"cams={TOKEN}")
            request(port, "/fails/2")
            request(port, "/healthz")
    finally:
        for name in ("streamdeq", "uvicorn"):
            logging.getLogger(name).removeHandler(handler)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    first = next(line for line in lines if line.get("status") == 409)
    assert (first["method"], first["path"], first["client"]) == ("GET", "/fails/1", "127.0.0.1")
    assert first["time"].endswith("Z")
    failed = next(line for line in lines if "error" in line)
    assert "rtsp://***@cam/x" in failed["error"]
    assert TOKEN not in stream.getvalue()
    assert "u:p" not in stream.getvalue()


def test_a_fixed_token_comes_from_a_file_or_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert fixed_token(None) is None
    monkeypatch.setenv("STREAMDEQ_TOKEN", TOKEN)
    assert fixed_token(None) == TOKEN
    file = tmp_path / "token"
    file.write_text(TOKEN[::-1] + "\n")
    assert fixed_token(file) == TOKEN[::-1]
    file.write_text("hunter2")
    with pytest.raises(StreamdeqError, match="expected a token of 16 to 512 letters") as short:
        fixed_token(file)
    assert "hunter2" not in str(short.value)
    with pytest.raises(StreamdeqError, match="cannot read the token in"):
        fixed_token(tmp_path / "none")
