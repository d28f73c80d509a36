"""The log as JSON lines, by the standard library's logging; no line holds a secret."""

import json
import logging
import time
from datetime import UTC, datetime
from typing import IO, Any

from streamdeq.errors import CONTROLS
from streamdeq.serving.web.problems import App, Send
from streamdeq.video.live.redact import redacted

LOG = logging.getLogger("streamdeq.requests")
#: Asked for every few seconds by whoever watches over the server: told only when they fail.
PROBES = ("/healthz", "/readyz", "/metrics")


class JsonLines(logging.Formatter):
    """One JSON object a line: `time` (UTC), `level`, `logger`, `message`, and what a record has under `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": when.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redacted(record.getMessage()),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["error"] = redacted(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


def log_to(stream: IO[str], level: int | str = logging.INFO) -> logging.Handler:
    """Write what this program and its HTTP server log to `stream`; returns the handler, to be taken off again."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    for name in ("streamdeq", "uvicorn"):
        logger = logging.getLogger(name)
        logger.addHandler(handler)
        logger.setLevel(level)
        logger.propagate = False
    return handler


def logged(app: App) -> App:
    """The ASGI application `app` with a line for each request: no query, which may have the token, and no headers."""

    async def told(scope: Any, receive: Any, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await app(scope, receive, send)
        began = time.perf_counter()
        status = 101 if scope["type"] == "websocket" else 0

        async def noting(message: Any) -> None:
            nonlocal status
            if message["type"] == "websocket.close" and message.get("code") == 1008:
                status = 403
            status = message.get("status", status)
            await send(message)

        try:
            await app(scope, receive, noting)
        finally:
            path = CONTROLS.sub("\N{REPLACEMENT CHARACTER}", scope["path"])[:200]
            if status >= 400 or not path.endswith(PROBES):
                fields = {
                    "method": scope.get("method", "WEBSOCKET"),
                    "path": path,
                    "status": status,
                    "seconds": round(time.perf_counter() - began, 4),
                    "client": (scope.get("client") or ("",))[0],
                }
                LOG.info("%(method)s %(path)s %(status)s", fields, extra={"fields": fields})

    return told
