"""The page, the interface's description, the stored results, and what watches over the server asks for."""

import asyncio
import re
from datetime import UTC, datetime
from importlib import resources
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse

from streamdeq.errors import StreamdeqError
from streamdeq.results.record import as_text
from streamdeq.results.store import MOST, find
from streamdeq.results.store import Query as Wanted
from streamdeq.serving.api.context import HEADERS, Context
from streamdeq.serving.api.metrics import MEDIA_TYPE, Metrics
from streamdeq.serving.web.problems import RefusedError

KINDS = {".js": "text/javascript", ".css": "text/css"}
#: What has no guard: the status alone says whether the server runs.
UNGUARDED = ("/healthz", "/readyz")


def routes(context: Context) -> APIRouter:
    router = APIRouter()
    folder = resources.files("streamdeq.serving.api").joinpath("static")
    # Read once: no path of a request is ever looked for.
    texts = {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir()}
    metrics = Metrics(context.server, context.hub, context.outputs)

    @router.get("/", include_in_schema=False)
    async def page() -> Response:
        return HTMLResponse(texts["index.html"], headers=HEADERS)

    @router.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return HTMLResponse(texts["docs.html"], headers=HEADERS)

    @router.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        kind = KINDS.get(name[name.rfind(".") :])
        if name not in texts or kind is None:
            raise RefusedError(404, "there is no such file")
        return Response(texts[name], headers=HEADERS, media_type=kind)

    @router.get("/healthz", tags=["watching over it"])
    async def healthz() -> Response:
        """200 while the server answers and computes, else 503. Needs no token."""
        return probe(context.server.healthy)

    @router.get("/readyz", tags=["watching over it"])
    async def readyz() -> Response:
        """200 once every model is loaded and a frame of some camera is answered, or there is none; else 503. Needs no
        token."""
        reports = context.server.reports().values()
        return probe(context.server.healthy and (not reports or any(report.processed for report in reports)))

    @router.get("/metrics", tags=["watching over it"])
    async def read_metrics() -> Response:
        """Counters and figures in Prometheus's text form."""
        return Response(await asyncio.to_thread(metrics.text), headers=HEADERS, media_type=MEDIA_TYPE)

    @router.get("/results", tags=["stored results"])
    async def results(
        camera: str | None = None,
        since: Annotated[str | None, Query(description="Seconds since 1970, or 2026-01-31T12:00Z.")] = None,
        until: Annotated[str | None, Query(description="Likewise; before it.")] = None,
        class_: Annotated[str | None, Query(alias="class", description="A class that is told of.")] = None,
        kind: Literal["result", "event"] | None = None,
        limit: Annotated[int, Query(ge=1, le=MOST)] = 100,
    ) -> Response:
        """Stored answers and events, the newest first. 404 unless results go to SQLite."""
        if context.outputs.store is None:
            raise RefusedError(404, "results are not stored here; add a sink of kind sqlite to the server's file")
        query = Wanted(
            camera=camera, since=read_time(since), until=read_time(until), class_=class_, kind=kind, limit=limit
        )
        records = await asyncio.to_thread(find, context.outputs.store, query)
        text = ",".join(map(as_text, records))
        return Response(f'{{"results":[{text}]}}', headers=HEADERS, media_type="application/json")

    return router


def probe(good: bool) -> Response:
    return Response("ok\n" if good else "no\n", 200 if good else 503, HEADERS, "text/plain")


def read_time(text: str | None) -> float | None:
    """Seconds since 1970 from those, or from a time as ISO 8601 has it; UTC where it says no zone.

    Raises:
        StreamdeqError: it is neither.
    """
    if text is None:
        return None
    if re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text):
        return float(text)
    try:
        when = datetime.fromisoformat(text.replace(" ", "+"))  # a + in a query is a space
    except ValueError:
        raise StreamdeqError(
            f"expected seconds since 1970 or a time such as 2026-01-31T12:00Z, got '{text[:60]}'"
        ) from None
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
