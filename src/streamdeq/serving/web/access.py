"""Who may watch and steer: whoever has the token, from the server's own pages or from a program.

The token stands in the address that is printed, as Jupyter's does (`/?token=…`); the answer to it sets a cookie, with
which the page asks for everything else. Programs send it as `Authorization: Bearer …`. Guarded is every request,
websockets too, from this machine as from any other.
"""

import json
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import Any
from urllib.parse import parse_qs

Send = Callable[[Any], Awaitable[None]]
App = Callable[[Any, Any, Send], Awaitable[None]]

NO_TOKEN = "expected the token: open the address as it was printed"
FOREIGN = "asked for by another site: open the address as it was printed"


class Access:
    """A token, and the check of a request for it.

    Args:
        cookie: its name; servers on several ports of a machine share their cookies, so each has its own.
    """

    def __init__(self, cookie: str) -> None:
        self.token = secrets.token_urlsafe(32)
        self._cookie = cookie

    def guard(self, app: Any, hosts: Sequence[str]) -> App:
        """The ASGI application `app` for those who may use it, under the names `hosts` only: a foreign site whose name
        was made to point here is refused, too."""
        from starlette.middleware.trustedhost import TrustedHostMiddleware

        async def guarded(scope: Any, receive: Any, send: Send) -> None:
            if scope["type"] == "lifespan":
                await app(scope, receive, send)
            elif reason := self.refusal(scope):
                await refuse(scope, send, reason)
            else:
                await app(scope, receive, self._remembering(scope, send))

        return TrustedHostMiddleware(guarded, allowed_hosts=list(hosts), www_redirect=False)

    def refusal(self, scope: Any) -> str:
        """Why a request is refused; empty if it is not."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if not (self._in_address(scope) or self._matches(_bearer(headers)) or self._in_cookie(headers)):
            return NO_TOKEN
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower():
            return FOREIGN
        # Browsers say who asks. Another site may lead its reader here, as a link does, and do nothing else.
        own = headers.get("sec-fetch-site", "none") in ("none", "same-origin")
        opened = scope.get("method") == "GET" and headers.get("sec-fetch-dest") == "document"
        return "" if own or opened else FOREIGN

    def _matches(self, given: str) -> bool:
        return secrets.compare_digest(given.encode(), self.token.encode())

    def _in_address(self, scope: Any) -> bool:
        try:
            query = parse_qs(scope.get("query_string", b"").decode("latin-1"), max_num_fields=16)
        except ValueError:
            return False
        return self._matches(query.get("token", [""])[0])

    def _in_cookie(self, headers: dict[str, str]) -> bool:
        # By hand: the standard library gives up at another program's cookie that is not as the standard wants it.
        pairs = (pair.strip().partition("=") for pair in headers.get("cookie", "").split(";"))
        return any(name == self._cookie and self._matches(value) for name, _, value in pairs)

    def _remembering(self, scope: Any, send: Send) -> Send:
        """`send`, with a cookie for who came by the address."""
        if scope["type"] != "http" or not self._in_address(scope):
            return send
        secure = "; Secure" if scope.get("scheme") == "https" else ""
        cookie = f"{self._cookie}={self.token}; Path=/; HttpOnly; SameSite=Strict{secure}"

        async def with_cookie(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"set-cookie", cookie.encode())]}
            await send(message)

        return with_cookie


def _bearer(headers: dict[str, str]) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


async def refuse(scope: Any, send: Send, reason: str) -> None:
    """403, before anything of the request's body is read."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": reason})
        return
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 403, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": reason}).encode()})
