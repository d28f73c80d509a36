"""The page's HTTP: itself, the picture as MJPEG, the figures as JSON, the controls.

Made for the machine it runs on, and for whoever has the token (`access`); other sites may neither read nor embed
anything, and only JSON changes a thing, which a foreign page's form cannot send.
"""

import asyncio
from collections.abc import AsyncIterator
from importlib import resources
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.serving.view.controls import read_controls
from streamdeq.serving.view.monitor import RunMonitor
from streamdeq.serving.web.connections import REQUEST_S

HOSTS = ("127.0.0.1", "localhost")
BOUNDARY = b"frame"
#: Time between two pictures at the least; also how soon a new one is noticed.
PERIOD_S = 1 / 30
#: More than any control needs.
BODY_BYTES = 256
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; img-src 'self' data:; connect-src 'self'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def build_app(monitor: RunMonitor) -> Any:
    """The ASGI application of a monitor; who may use it is for `access` to say."""
    from fastapi import FastAPI, Request, Response
    from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    html = resources.files("streamdeq.serving.view").joinpath("page.html").read_text(encoding="utf-8")

    def refuse(reason: str) -> Response:
        return JSONResponse({"error": reason}, 400, HEADERS)

    @app.get("/")
    async def page() -> Response:
        return HTMLResponse(html, headers=HEADERS)

    @app.get("/picture")
    async def picture() -> Response:
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY.decode()}"
        return StreamingResponse(pictures(monitor), headers=HEADERS, media_type=kind)

    @app.get("/status")
    async def status(request: Request) -> Response:
        since = request.query_params.get("since", "0")
        if not (since.isascii() and since.isdecimal() and len(since) < 16):
            return refuse("since: expected the number of a frame")
        return JSONResponse(monitor.report(int(since)), headers=HEADERS)

    @app.post("/controls")
    async def controls(request: Request) -> Response:
        if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
            return refuse("expected Content-Type: application/json")
        body = b""
        try:
            async with asyncio.timeout(REQUEST_S):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > BODY_BYTES:
                        return refuse(f"expected at most {BODY_BYTES} bytes")
        except TimeoutError:
            return refuse(f"expected the whole request within {REQUEST_S:g} seconds")
        try:
            controls = read_controls(body, monitor.most)
        except StreamdeqError as error:
            return refuse(str(error))
        monitor.ask(controls)
        return JSONResponse({"iterations": controls.iterations, "start": controls.start}, headers=HEADERS)

    return app


async def pictures(monitor: RunMonitor, period_s: float = PERIOD_S) -> AsyncIterator[bytes]:
    """The parts of a motion JPEG: the newest picture whenever the reader has taken the last one, until the end.

    A slow reader therefore misses pictures and holds nobody up; what waits for it is one picture.
    """
    # A browser shows a part when the boundary behind it arrives: so each is sent with the part it closes.
    yield b"--" + BOUNDARY + b"\r\n"
    sent = 0
    while not (monitor.finished and monitor.newest == sent):
        if monitor.newest != sent:
            # On a thread: drawing and encoding take milliseconds, in which others may be answered.
            sent, data = await asyncio.to_thread(monitor.picture)
            yield part(data)
        await asyncio.sleep(period_s)


def part(data: bytes) -> bytes:
    """One picture and the boundary behind it."""
    return b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%b\r\n--%b\r\n" % (len(data), data, BOUNDARY)
