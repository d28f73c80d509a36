"""Who may watch and steer: whoever has the token, from the server's own pages or from a program.

The token stands in the address that is printed, as Jupyter's does (`/?token=…`); the answer to it sets a cookie, with
which the page asks for everything else. Programs send it as `Authorization: Bearer …`. Guarded is every request,
websockets too, from this machine as from any other.
"""

import os
import re
import secrets
from collections.abc import Collection
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from streamdeq.errors import StreamdeqError
from streamdeq.serving.web.problems import App, Send, refuse
from streamdeq.video.live.credentials import content

NO_TOKEN = "expected the token: open the address as it was printed"
FOREIGN = "asked for by another site: open the address as it was printed"
#: Characters of a token, of which the shortest allowed has some 80 bits.
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,512}")
#: A variable of the environment that holds the token.
VARIABLE = "STREAMDEQ_TOKEN"


class Access:
    """A token, and the check of a request for it.

    Args:
        cookie: its name; servers on several ports of a machine share their cookies, so each has its own.
        token: a random one if None.
        path: below which the cookie is sent.
        unguarded: paths that anybody may ask for, under whatever name: they say nothing but that the server runs.
    """

    def __init__(self, cookie: str, token: str | None = None, path: str = "/", unguarded: Collection[str] = ()) -> None:
        self.token = token or secrets.token_urlsafe(32)
        self._cookie = cookie
        self._path = path
        self._unguarded = unguarded

    def guard(self, app: Any, hosts: Collection[str], *, addresses: bool = False) -> App:
        """The ASGI application `app` for those who may use it, under the names `hosts` only: a foreign site whose name
        was made to point here is refused, too.

        Args:
            addresses: it may be asked for by any address in numbers as well, which no name can be made to be.
        """

        async def guarded(scope: Any, receive: Any, send: Send) -> None:
            if scope["type"] == "lifespan" or scope["path"] in self._unguarded:
                return await app(scope, receive, send)
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            host = without_port(headers.get("host", "")).lower()
            if not (host in hosts or (addresses and _is_address(host))):
                return await refuse(scope, receive, send, 400, "asked for under a name that is not this server's")
            if reason := self._refusal(scope, headers):
                return await refuse(scope, receive, send, 403, reason)
            await app(scope, receive, self._remembering(scope, send))

        return guarded

    def _refusal(self, scope: Any, headers: dict[str, str]) -> str:
        """Why a request is refused; empty if it is not."""
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
        cookie = f"{self._cookie}={self.token}; Path={self._path}; HttpOnly; SameSite=Strict{secure}"

        async def with_cookie(message: Any) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"set-cookie", cookie.encode())]}
            await send(message)

        return with_cookie


def _bearer(headers: dict[str, str]) -> str:
    kind, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def fixed_token(file: Path | None) -> str | None:
    """The token that the user has chosen: what is in `file`, or else in the environment; None for a random one.

    Raises:
        StreamdeqError: the file cannot be read, or there is something else than a token; without what was read.
    """
    label = "the token" if file is None else f"the token in {file}"
    token = os.environ.get(VARIABLE) if file is None else content(str(file), label)
    if token is not None and TOKEN.fullmatch(token) is None:
        where = f"in {VARIABLE}" if file is None else f"in {file}"
        raise StreamdeqError(
            f"expected a token of 16 to 512 letters, digits and ._~+/=- {where}, got something else; "
            "make one: python -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    return token


def without_port(host: str) -> str:
    """The name or address in a Host header: `[::1]:80` is `::1`."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
