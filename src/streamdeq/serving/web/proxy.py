"""Behind a proxy that ends TLS: what it says of the client, the scheme and the host, and the prefix of the path."""

from collections.abc import Sequence
from typing import Any

from streamdeq.serving.web.problems import App, Send

FORWARDED_HOST = b"x-forwarded-host"


def behind_proxy(app: App, trusted: Sequence[str], prefix: str = "") -> App:
    """The ASGI application `app` as the client sees it.

    Args:
        trusted: addresses and networks whose X-Forwarded-For, -Proto and -Host are believed; others' are not looked at.
        prefix: of every path, "" or "/name". The proxy may take it away before it asks here, or leave it.
    """
    from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

    forwarded: Any = ProxyHeadersMiddleware(app, list(trusted))  # type: ignore[arg-type]

    async def seen_from_outside(scope: Any, receive: Any, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await app(scope, receive, send)
        path = scope["path"]
        if prefix and path != prefix and not path.startswith(prefix + "/"):
            path = prefix + path
        scope = {**scope, "root_path": prefix, "path": path, "raw_path": path.encode()}
        hosts = [value for name, value in scope["headers"] if name == FORWARDED_HOST]
        if hosts and (scope.get("client") or ("",))[0] in forwarded.trusted_hosts:
            # The first: what the browser asked for; each proxy on the way adds its own.
            host = hosts[0].split(b",")[0].strip()
            others = [(name, value) for name, value in scope["headers"] if name != b"host"]
            scope["headers"] = [(b"host", host), *others]
        await forwarded(scope, receive, send)

    return seen_from_outside
