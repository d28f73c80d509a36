"""The newest answer of a camera: as a record, as a picture, as pictures for as long as the client stays."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import StreamingResponse

from streamdeq.results.record import as_text
from streamdeq.serving.api.context import HEADERS, Context
from streamdeq.serving.web.mjpeg import MEDIA_TYPE, motion_jpeg
from streamdeq.serving.web.problems import RefusedError


def routes(context: Context) -> APIRouter:
    router = APIRouter(tags=["answers"])

    @router.get("/cameras/{name}/latest")
    async def latest(name: str) -> Response:
        """The newest answer as a record. 404 before the first."""
        context.check_camera(name)
        published = context.server.latest(name)
        if published is None:
            raise RefusedError(404, f"no frame of '{name}' is answered yet; ask again")
        return Response(as_text(published.record()), headers=HEADERS, media_type="application/json")

    @router.get("/cameras/{name}/picture")
    async def picture(
        name: str, longest: Annotated[int, Query(ge=16, le=1920, description="Its longer side at most.")] = 1920
    ) -> Response:
        """The newest answered frame with its answer drawn on it, a JPEG. 404 before the first."""
        _, data = await asyncio.to_thread(context.picture(name).picture, longest)
        if not data:
            raise RefusedError(404, f"no frame of '{name}' is answered yet; ask again")
        return Response(data, headers=HEADERS, media_type="image/jpeg")

    @router.get("/cameras/{name}/mjpeg")
    async def mjpeg(name: str) -> StreamingResponse:
        """The camera's pictures with their answers drawn on them, as a motion JPEG: the newest whenever asked."""
        return StreamingResponse(motion_jpeg(context.picture(name)), headers=HEADERS, media_type=MEDIA_TYPE)

    return router
