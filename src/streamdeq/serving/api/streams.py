"""What goes on for as long as the client stays: answers as server-sent events and over a websocket, and what the
page shows. Every one is bounded: a client that does not read loses answers or pictures, counted."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse

from streamdeq.reading import loads
from streamdeq.serving.api.context import HEADERS, Context
from streamdeq.serving.api.figures import overview
from streamdeq.serving.api.hub import Listener

#: A comment is sent where nothing else was for so long: whoever is gone is noticed, and proxies keep the connection.
QUIET_S = 15.0
#: Between two pictures of a page at the least.
PAGE_S = 1 / 15
#: Pictures that a page may ask for at a time.
MOST_PICTURES = 64

Cameras = Annotated[list[str], Query(description="Only this camera's; may be given several times.")]
Classes = Annotated[list[str], Query(alias="class", description="Only answers that tell of this class.")]


def routes(context: Context) -> APIRouter:
    router = APIRouter(tags=["results as they come"])

    @router.get("/events")
    async def events(camera: Cameras = [], class_: Classes = []) -> StreamingResponse:  # noqa: B006 - FastAPI copies it
        """Answers as server-sent events: `result` with a record, `lost` with how many there was no room for."""
        check(context, camera)
        return StreamingResponse(told(context, camera, class_), headers=HEADERS, media_type="text/event-stream")

    @router.websocket("/ws")
    async def answers(socket: WebSocket, camera: Cameras = [], class_: Classes = []) -> None:  # noqa: B006
        await socket.accept()
        listener = context.hub.listen(camera, class_)
        try:
            await until_gone(socket, send_answers(socket, listener))
        finally:
            context.hub.leave(listener)

    @router.websocket("/live")
    async def live(socket: WebSocket) -> None:
        await socket.accept()
        sent: dict[str, int] = {}  # the number of the last picture, and of the last point, of each camera
        points: dict[str, int] = {}
        try:
            while True:
                wanted = read_wanted(await socket.receive_text())
                began = time.monotonic()
                await send_pictures(context, socket, wanted, sent)
                await socket.send_text(json.dumps(overview(context, points)))
                await asyncio.sleep(PAGE_S - (time.monotonic() - began))
        except WebSocketDisconnect:
            pass

    return router


def check(context: Context, cameras: Sequence[str]) -> None:
    for name in cameras:
        context.check_camera(name)


async def told(context: Context, cameras: Sequence[str], classes: Sequence[str]) -> AsyncIterator[str]:
    listener = context.hub.listen(cameras, classes)
    try:
        yield ": answers follow\n\n"
        while True:
            try:
                async with asyncio.timeout(QUIET_S):
                    text, lost = await listener.next()
            except TimeoutError:
                yield ": nothing new\n\n"
                continue
            if lost:
                yield f'event: lost\ndata: {{"lost": {lost}}}\n\n'
            yield f"event: result\ndata: {text}\n\n"
    finally:
        context.hub.leave(listener)


async def send_answers(socket: WebSocket, listener: Listener) -> None:
    while True:
        text, lost = await listener.next()
        if lost:
            await socket.send_text(f'{{"lost": {lost}}}')
        await socket.send_text(text)


async def until_gone(socket: WebSocket, sending: Any) -> None:
    """Send until the client goes; what it says meanwhile is not looked at."""
    task = asyncio.ensure_future(sending)
    try:
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def send_pictures(context: Context, socket: WebSocket, wanted: dict[str, int], sent: dict[str, int]) -> None:
    """Those that are newer than what was sent: a byte that says how long the camera's name is, the name, a JPEG."""
    for name in wanted.keys() & context.server.cameras().keys():
        picture = context.pictures.of(name)
        if picture.newest != sent.get(name, 0):
            sent[name], data = await asyncio.to_thread(picture.picture, wanted[name])
            called = name.encode()
            await socket.send_bytes(bytes([len(called)]) + called + data)


def read_wanted(text: str) -> dict[str, int]:
    """`{"pictures": {"gate": 640}}`: longer sides in pixels; what is none is as if it were not there."""
    try:
        given = loads(text)
    except ValueError:
        given = None
    pictures = given.get("pictures") if isinstance(given, dict) else None
    if not isinstance(pictures, dict):
        return {}
    known = [(name, size) for name, size in pictures.items() if type(size) is int and 0 < size < 1 << 16]
    return dict(known[:MOST_PICTURES])
