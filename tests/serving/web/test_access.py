"""Nobody watches or steers a run without its token, and no other site does with it: real sockets."""

import asyncio
import http.client
import json
from typing import Any

import pytest
from support.viewing import PATHS, ask, port_of, token_of

from streamdeq.running.observer import Controls
from streamdeq.serving.view import Viewer
from streamdeq.serving.web.access import Access

OTHER_SITES = ("http://evil.example", "http://127.0.0.1:1", "https://127.0.0.1", "null", "http://[::1", "")


def own(viewer: Viewer) -> str:
    return f"http://127.0.0.1:{port_of(viewer)}"


def cookie_of(viewer: Viewer) -> str:
    return ask(viewer, f"/?token={token_of(viewer)}", Authorization="")[2]["set-cookie"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("given", ["", "Bearer", "Bearer x", "Basic x", "Bearer \u00e9"])
def test_without_the_token_nothing_is_to_be_had(viewer: Viewer, path: str, given: str):
    body = '{"iterations": 9}' if path == "/controls" else None
    code, text, headers = ask(viewer, path, body, content_type="application/json", Authorization=given)
    assert (code, headers["content-type"]) == (403, "application/problem+json")
    assert json.loads(text) == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "detail": "expected the token: open the address as it was printed",
    }
    assert "set-cookie" not in headers
    assert viewer.monitor.controls() == Controls()


@pytest.mark.parametrize("query", ["?token=", "?token=x", "?token=%00%ff", "?" + "a=1&" * 40, "?token"])
def test_an_address_with_another_token_is_refused(viewer: Viewer, query: str):
    assert ask(viewer, "/" + query, Authorization="")[0] == 403


def test_the_printed_address_lets_in_and_its_cookie_is_for_the_pages_own_requests(viewer: Viewer):
    given, *traits = (part.strip() for part in cookie_of(viewer).split(";"))
    assert given == f"streamdeq-{port_of(viewer)}={token_of(viewer)}"
    assert traits == ["Path=/", "HttpOnly", "SameSite=Strict"]
    others = f'theme={{"a": 1}}; {given}; x'  # of other programs on this machine
    for path in ("/", "/status", "/picture"):
        assert ask(viewer, path, Authorization="", Cookie=others)[0] == 200
    assert ask(viewer, "/status", Authorization="", Cookie=given + "x")[0] == 403


def test_two_runs_at_a_time_have_two_tokens_and_two_cookies(viewer: Viewer):
    with Viewer() as second:
        cookies = [cookie_of(one).split(";")[0] for one in (viewer, second)]
        assert len({cookie.split("=")[0] for cookie in cookies}) == 2
        for one, other in ((viewer, second), (second, viewer)):
            assert ask(one, "/status", Authorization="", Cookie="; ".join(cookies))[0] == 200
            assert ask(one, f"/?token={token_of(other)}", Authorization="")[0] == 403


@pytest.mark.parametrize("origin", OTHER_SITES)
@pytest.mark.parametrize("path", PATHS)
def test_another_site_may_do_nothing_even_with_the_token(viewer: Viewer, origin: str, path: str):
    body = '{"iterations": 9}' if path == "/controls" else None
    code, text, _ = ask(viewer, path, body, content_type="application/json", Origin=origin)
    assert code == 403
    assert "another site" in json.loads(text)["detail"]
    assert viewer.monitor.controls() == Controls()


def test_the_page_itself_may_steer(viewer: Viewer):
    own_headers = {"Origin": own(viewer), "Sec_Fetch_Site": "same-origin", "content_type": "application/json"}
    assert ask(viewer, "/controls", '{"iterations": 9}', **own_headers)[0] == 200
    assert viewer.monitor.controls() == Controls(9)


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_what_a_browser_says_another_site_asks_for_is_refused_but_for_opening_the_page(viewer: Viewer, site: str):
    # A page of another user on another port of this machine is of the same site: the cookie goes along.
    for dest in ("image", "empty", "iframe"):
        assert ask(viewer, "/picture", Sec_Fetch_Site=site, Sec_Fetch_Dest=dest)[0] == 403
    json_body = {"content_type": "application/json", "Sec_Fetch_Site": site, "Sec_Fetch_Dest": "document"}
    assert ask(viewer, "/controls", '{"iterations": 9}', **json_body)[0] == 403
    assert ask(viewer, "/", Sec_Fetch_Site=site, Sec_Fetch_Dest="document", Sec_Fetch_Mode="navigate")[0] == 200


def test_a_refused_request_is_not_read_to_its_end(viewer: Viewer):
    connection = http.client.HTTPConnection("127.0.0.1", port_of(viewer), timeout=60)
    connection.putrequest("POST", "/controls")
    connection.putheader("Content-Length", str(1 << 40))
    connection.endheaders()
    assert connection.getresponse().status == 403
    connection.close()


def test_websockets_are_guarded_as_everything_else_is():
    """What a server of more than one run has: the same guard before any ASGI application."""
    reached: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["path"])

    async def connect(**headers: str) -> list[Any]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        named = [(b"host", b"cams.example"), *((k.encode(), v.encode()) for k, v in headers.items())]
        scope = {"type": "websocket", "path": "/live", "query_string": b"", "headers": named}
        await access.guard(app, ["cams.example"])(scope, None, send)
        return sent

    access = Access("cams")
    token = {"cookie": f"cams={access.token}"}
    assert asyncio.run(connect())[0]["type"] == "websocket.close"
    assert asyncio.run(connect(origin="https://evil.example", **token))[0]["code"] == 1008
    assert reached == []
    assert asyncio.run(connect(origin="https://cams.example", **token)) == []
    assert asyncio.run(connect(authorization=f"Bearer {access.token}")) == []
    assert reached == ["/live", "/live"]
