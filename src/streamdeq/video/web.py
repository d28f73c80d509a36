"""A file on a web server, told apart from a live stream by the server's answer, and read whole."""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import Mapping
from http.client import HTTPException, HTTPResponse
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlsplit
from urllib.request import HTTPSHandler, Request, build_opener

from av.container import InputContainer
from av.error import FFmpegError

from streamdeq.errors import StreamdeqError
from streamdeq.video.containers import opened
from streamdeq.video.files import ContainerSource
from streamdeq.video.live import Address, LivePolicy
from streamdeq.video.pipes import ReadOnce

# Answers after which trying again, or asking for a password, may help: they are the live source's to deal with.
MAY_CHANGE = (401, 403, 407, 408, 425, 429)
NO_VIDEO = ("text/html", "application/json", "application/xml", "text/xml", "application/xhtml+xml")
PLAYLIST = (".m3u8", ".m3u", ".mpd")
READ_TIMEOUT_S = 20.0
# Taken up again where it broke off, as long as the server gives parts of a file.
RECONNECT = {"reconnect": "1", "reconnect_on_network_error": "1", "reconnect_delay_max": "10"}


def web_file(address: Address, policy: LivePolicy, fps: float | None, max_pixels: int) -> ContainerSource | None:
    """The file at an http address; None where it is a live stream, or the server cannot be asked.

    Raises:
        StreamdeqError: there is no video, and never will be.
    """
    if urlsplit(address.url).path.lower().endswith(PLAYLIST):
        return None
    try:
        answer = ask(address.url, policy)
    except HTTPError as error:
        error.close()
        if error.code in MAY_CHANGE or error.code >= 500:
            return None
        what = f"the server answered {error.code} {error.reason}"
        raise StreamdeqError(f"cannot read {address.label}: {what}; check the address") from error
    except (OSError, ValueError, HTTPException):
        return None
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind in NO_VIDEO:
        answer.close()
        raise StreamdeqError(f"cannot read {address.label}: it is {kind}, not a video; check the address")
    if kind.startswith("multipart/") or "mpegurl" in kind or "dash" in kind or "Content-Length" not in answer.headers:
        answer.close()
        return None
    try:
        container, pipe = open_answer(answer, address, policy, max_pixels)
    except FFmpegError as error:
        what = f"{kind or 'something'} that is no video ({error.strerror})"
        raise StreamdeqError(f"cannot read {address.label}: it is {what}; check the address") from error
    return ContainerSource(container, address.label, address.name, address.kind, fps, pipe)


def open_answer(
    answer: HTTPResponse, address: Address, policy: LivePolicy, max_pixels: int
) -> tuple[InputContainer, ReadOnce | None]:
    """By ranges where the server gives them, else what it sends, from the first byte to the last."""
    if answer.status == 206:
        answer.close()
        options = {**address.options, **RECONNECT, **policy.options}
        timeout = (policy.patience.open_timeout_s, policy.patience.read_timeout_s or READ_TIMEOUT_S)
        return opened(address.url, max_pixels, container_options=options, timeout=timeout), None
    pipe = ReadOnce(answer.read1, answer.close)
    return opened(pipe, max_pixels), pipe


def ask(url: str, policy: LivePolicy) -> HTTPResponse:
    """The server's answer to a request for all of it, by range if it can."""
    plain, login = without_login(url)
    headers = {"Range": "bytes=0-", "User-Agent": "streamdeq", **own_headers(policy.options)}
    if login and "Authorization" not in headers:
        headers["Authorization"] = f"Basic {b64encode(login.encode()).decode()}"
    # As FFmpeg does: cameras sign their certificates themselves.
    trusting = ssl.create_default_context()
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    opener = build_opener(HTTPSHandler(context=trusting))
    request = Request(quote(plain.partition("#")[0], safe="%/:=&?~#+!$,;'@()*[]"), headers=headers)
    return opener.open(request, timeout=policy.patience.read_timeout_s or policy.patience.open_timeout_s)


def without_login(url: str) -> tuple[str, str]:
    """The address without "user:password@", and those."""
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    login, _, host = host.rpartition("@")
    return f"{scheme}://{host}{slash}{path}", unquote(login)


def own_headers(options: Mapping[str, str]) -> dict[str, str]:
    """The user's own headers, from FFmpeg's options."""
    lines = [line.partition(":") for line in options.get("headers", "").splitlines()]
    given = {name.strip().title(): value.strip() for name, colon, value in lines if colon}
    return given | ({"User-Agent": options["user_agent"]} if "user_agent" in options else {})
