"""The ASGI application of a server of many cameras; who may use it is for `access` to say."""

from fastapi import FastAPI

from streamdeq.serving.api import answers, cameras, pages, streams
from streamdeq.serving.api.context import HEADERS, Context
from streamdeq.serving.web.problems import answer_errors
from streamdeq.version import __version__

ABOUT = (
    "Many cameras, one model, a dial per camera. Every request has the token: Authorization: Bearer TOKEN. Errors are "
    "problems of RFC 9457. Besides what is listed, /ws is a websocket with the same answers as /events."
)


def build_app(context: Context) -> FastAPI:
    # The page of the interface is our own: FastAPI's takes its scripts from elsewhere.
    app = FastAPI(title="streamdeq", version=__version__, description=ABOUT, docs_url=None, redoc_url=None)
    answer_errors(app, HEADERS)
    for part in (cameras, answers, streams, pages):
        app.include_router(part.routes(context))
    return app
