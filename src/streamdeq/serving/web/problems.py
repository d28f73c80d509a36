"""Errors over HTTP as RFC 9457 has them (`application/problem+json`)."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Any

from streamdeq.errors import StreamdeqError

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]
App = Callable[[Any, Any, Send], Awaitable[None]]
Headers = Iterable[tuple[str, str]]

MEDIA_TYPE = "application/problem+json"
#: Bytes of a refused request's body, and seconds, that are read and forgotten: whoever is hung up on while sending
#: may never see the answer (RFC 9112, 9.6).
FORGOTTEN, FORGET_S = 1 << 16, 1.0


class RefusedError(StreamdeqError):
    """A request that is refused with a status of its own; any other StreamdeqError is a 400."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


def problem(status: int, detail: str) -> dict[str, Any]:
    """The members of RFC 9457; the type is "about:blank", so that the title is the status's own."""
    return {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}


async def refuse(scope: Any, receive: Receive, send: Send, status: int, detail: str, headers: Headers = ()) -> None:
    """Answer at the level of ASGI; of the request's body nothing is kept, and no more than a little read."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": detail[:120]})
        return
    await _forget(scope, receive)
    named = (("content-type", MEDIA_TYPE), ("cache-control", "no-store"), ("connection", "close"), *headers)
    lines = [(name.encode(), value.encode()) for name, value in named]
    await send({"type": "http.response.start", "status": status, "headers": lines})
    await send({"type": "http.response.body", "body": json.dumps(problem(status, detail)).encode()})


async def _forget(scope: Any, receive: Receive) -> None:
    """Read a small body to its end."""
    length = dict(scope["headers"]).get(b"content-length", b"")
    if not (length.isdigit() and 0 < int(length) <= FORGOTTEN):
        return
    try:
        async with asyncio.timeout(FORGET_S):
            while (await receive()).get("more_body"):
                pass
    except TimeoutError:
        pass


def answer_errors(app: Any, headers: dict[str, str]) -> None:
    """Let the FastAPI application `app` answer whatever is raised in it as a problem."""
    from fastapi.exceptions import RequestValidationError
    from fastapi.responses import JSONResponse
    from starlette.exceptions import HTTPException

    def told(status: int, detail: str, more: Any = None) -> JSONResponse:
        return JSONResponse(problem(status, detail), status, {**headers, **(more or {})}, MEDIA_TYPE)

    async def of_user(_: Any, error: Exception) -> JSONResponse:
        return told(error.status if isinstance(error, RefusedError) else 400, str(error))

    async def of_http(_: Any, error: Any) -> JSONResponse:
        return told(error.status_code, str(error.detail), error.headers)

    async def of_shape(_: Any, error: Any) -> JSONResponse:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:]) or str(first["loc"][0])
        return told(422, f"{place}: {first['msg']}")

    async def of_ours(_: Any, error: Exception) -> JSONResponse:  # which goes on to the server's log
        return told(500, "this is a bug; the server's log has more")

    app.add_exception_handler(StreamdeqError, of_user)
    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_shape)
    app.add_exception_handler(Exception, of_ours)
