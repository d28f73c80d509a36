"""The routes of cameras: list, add, look at, change, remove."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from streamdeq.errors import StreamdeqError
from streamdeq.serving.api.context import HEADERS, Context
from streamdeq.serving.api.figures import described, machine_load
from streamdeq.serving.api.requests import MOST_BYTES, read_camera, read_change, schema_of
from streamdeq.serving.server import CameraConfig
from streamdeq.serving.web.limits import json_body
from streamdeq.serving.web.problems import RefusedError

JSON = "application/json"


def body_of(schema: dict[str, Any]) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {JSON: {"schema": schema}}}}


def routes(context: Context) -> APIRouter:
    router = APIRouter(tags=["cameras"])
    server = context.server
    camera = schema_of(CameraConfig, required=["name", "source"])
    named = {**camera, "properties": {"name": {"type": "string"}, **camera["properties"]}}

    @router.get("/cameras")
    async def cameras() -> JSONResponse:
        """Every camera with its settings, counters and figures, and the load of the machine."""
        settings = server.cameras()
        told = [described(name, settings[name], report) for name, report in server.reports().items()]
        return JSONResponse({"cameras": told, "load": machine_load(context)}, headers=HEADERS)

    @router.post("/cameras", status_code=201, openapi_extra=body_of(named))
    async def add(request: Request) -> JSONResponse:
        """Add a camera. 409 with the figures if the machine has no room for it."""
        name, config = read_camera(await json_body(request, MOST_BYTES), context.allow)
        await asked(server.add, name, config)
        return one(name, 201, {"Location": f"cameras/{name}"})

    @router.get("/cameras/{name}")
    async def look(name: str) -> JSONResponse:
        """A camera's settings, counters and figures."""
        return one(name)

    @router.patch("/cameras/{name}", openapi_extra=body_of(schema_of(CameraConfig)))
    async def change(name: str, request: Request) -> JSONResponse:
        """Change some settings of a camera while it runs."""
        context.check_camera(name)
        config = server.cameras()[name]
        changed = read_change(await json_body(request, MOST_BYTES), config, context.allow)
        await asked(server.change, name, **changed)
        return one(name)

    @router.delete("/cameras/{name}", status_code=204)
    async def remove(name: str) -> Response:
        """Remove a camera."""
        context.check_camera(name)
        await asked(server.remove, name)
        return Response(status_code=204, headers=HEADERS)

    def one(name: str, status: int = 200, more: dict[str, str] | None = None) -> JSONResponse:
        context.check_camera(name)
        told = described(name, server.cameras()[name], server.reports()[name])
        return JSONResponse(told, status, {**HEADERS, **(more or {})})

    return router


async def asked(verb: Any, *given: Any, **named: Any) -> None:
    """Ask the server, off the event loop; what it refuses is a conflict with how things are."""
    try:
        await asyncio.to_thread(verb, *given, **named)
    except StreamdeqError as error:
        raise RefusedError(409, str(error)) from error
