"""The page's HTTP: itself, the picture as MJPEG, the figures as JSON, the controls.

Made for the machine it runs on, and for whoever has the token (`access`); other sites may neither read nor embed
anything, and only JSON changes a thing, which a foreign page's form cannot send.
"""

from importlib import resources
from typing import Any

from streamdeq.serving.view.controls import read_controls
from streamdeq.serving.view.monitor import RunMonitor
from streamdeq.serving.web.headers import secure_headers
from streamdeq.serving.web.limits import json_body
from streamdeq.serving.web.mjpeg import MEDIA_TYPE, motion_jpeg
from streamdeq.serving.web.problems import RefusedError, answer_errors

#: More than any control needs.
BODY_BYTES = 256
HEADERS = secure_headers("'unsafe-inline'", "'unsafe-inline'")


def build_app(monitor: RunMonitor) -> Any:
    """The ASGI application of a monitor; who may use it is for `access` to say."""
    from fastapi import FastAPI, Request, Response
    from fastapi.responses import HTMLResponse, JSONResponse, StreamingResponse

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    answer_errors(app, HEADERS)
    html = resources.files("streamdeq.serving.view").joinpath("page.html").read_text(encoding="utf-8")

    @app.get("/")
    async def page() -> Response:
        return HTMLResponse(html, headers=HEADERS)

    @app.get("/picture")
    async def picture() -> Response:
        return StreamingResponse(motion_jpeg(monitor), headers=HEADERS, media_type=MEDIA_TYPE)

    @app.get("/status")
    async def status(request: Request) -> Response:
        since = request.query_params.get("since", "0")
        if not (since.isascii() and since.isdecimal() and len(since) < 16):
            raise RefusedError(400, "since: expected the number of a frame")
        return JSONResponse(monitor.report(int(since)), headers=HEADERS)

    @app.post("/controls")
    async def controls(request: Request) -> Response:
        controls = read_controls(await json_body(request, BODY_BYTES), monitor.most)
        monitor.ask(controls)
        return JSONResponse({"iterations": controls.iterations, "start": controls.start}, headers=HEADERS)

    return app
