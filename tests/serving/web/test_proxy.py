"""Behind a proxy the server is the one that the browser asked for: real sockets, headers as proxies send them."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from support.http_server import request, served

from streamdeq.serving.web.access import Access
from streamdeq.serving.web.proxy import behind_proxy

TOKEN = "0123456789abcdef0123"
PUBLIC = "cams.example"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PROXY = {"X_Forwarded_Proto": "https", "X_Forwarded_For": "203.0.113.9", "X_Forwarded_Host": PUBLIC}


async def told(scope: Any, receive: Any, send: Any) -> None:
    """What reaches the application."""
    seen = {name: scope[name] for name in ("path", "root_path", "scheme")}
    body = json.dumps({**seen, "client": scope["client"][0]}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    access = Access("cams", TOKEN, "/eyes/")
    with served(behind_proxy(access.guard(told, [PUBLIC]), ["127.0.0.1"], "/eyes")) as one:
        yield one


@pytest.mark.parametrize("path", ["/cameras", "/eyes/cameras"])  # taken away by the proxy, or left
def test_the_prefix_stands_once_before_a_path(port: int, path: str):
    seen = json.loads(request(port, path, **BEARER, **PROXY)[1])
    assert seen == {"path": "/eyes/cameras", "root_path": "/eyes", "scheme": "https", "client": "203.0.113.9"}


def test_the_cookie_is_for_the_prefix_and_for_tls_alone(port: int):
    cookie = request(port, f"/?token={TOKEN}", **PROXY)[2]["set-cookie"]
    assert cookie == f"cams={TOKEN}; Path=/eyes/; HttpOnly; SameSite=Strict; Secure"


def test_the_host_and_the_origin_are_those_the_browser_asked_for(port: int):
    page = {**BEARER, **PROXY, "Sec_Fetch_Site": "same-origin"}
    assert request(port, "/", **page, Origin=f"https://{PUBLIC}", Host="upstream:8080")[0] == 200
    assert request(port, "/", **page, Origin="https://evil.example", Host="upstream:8080")[0] == 403
    forged = {**page, "X_Forwarded_Host": "evil.example"}
    assert request(port, "/", **forged, Origin="https://evil.example")[0] == 400


def test_what_anybody_but_the_proxy_says_of_it_is_not_believed():
    with served(behind_proxy(Access("cams", TOKEN).guard(told, [PUBLIC, "127.0.0.1"]), ["192.0.2.1"])) as port:
        seen = json.loads(request(port, "/", **BEARER, **PROXY)[1])
        assert (seen["client"], seen["scheme"]) == ("127.0.0.1", "http")
        assert request(port, "/", **BEARER, Host="evil.example", X_Forwarded_Host=PUBLIC)[0] == 400


@pytest.mark.parametrize(
    ("host", "code"), [("192.0.2.7:8080", 200), ("[2001:db8::1]:8080", 200), ("box.example", 400), ("7.example", 400)]
)
def test_a_server_for_every_address_answers_to_numbers_and_to_no_foreign_name(host: str, code: int):
    with served(Access("cams", TOKEN).guard(told, [PUBLIC], addresses=True)) as port:
        assert request(port, "/", **BEARER, Host=host)[0] == code
