"""Records to a web server, as JSON in POST requests."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, Self
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from streamdeq.errors import StreamdeqError
from streamdeq.results.record import as_text
from streamdeq.results.sinks.base import RecordSink, RefusedError, SinkOptions
from streamdeq.values.numbers import check_above_zero
from streamdeq.video.live.credentials import filled_in, named_values
from streamdeq.video.live.redact import redacted
from streamdeq.video.web import MAY_CHANGE

#: Behind it stands the SHA-256 HMAC of the body, in hexadecimal digits.
SIGNATURE = "X-Streamdeq-Signature"


@dataclass(frozen=True, kw_only=True)
class Webhook(SinkOptions):
    """Args:
    url: an http or https address; `${NAME}` and `${file:PATH}` in it are read when it begins, as in headers.
    headers: to send along, such as `Authorization: Bearer ${TOKEN}`.
    secret: signs the body: `X-Streamdeq-Signature: sha256=…` is its HMAC.
    timeout_s: seconds for the server to answer.
    """

    url: str = field(repr=False)
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    secret: str = field(default="", repr=False)
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_above_zero("timeout_s", self.timeout_s)
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise StreamdeqError(f"expected an http or https address, got {self.label}")

    @classmethod
    def at(cls, place: str) -> Self:
        return cls(url=place)

    @property
    def label(self) -> str:
        return redacted(self.url)

    def open(self) -> RecordSink:
        return Poster(self)


class _NoRedirect(HTTPRedirectHandler):
    """A POST that is sent elsewhere would become a GET without a body."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Poster(RecordSink):
    def __init__(self, options: Webhook) -> None:
        self._label, self._timeout_s = options.label, options.timeout_s
        self._url, _ = filled_in(options.url, self._label)
        self._headers = {name: named_values(text, self._label) for name, text in options.headers.items()}
        self._secret = named_values(options.secret, self._label).encode()
        self._opener = build_opener(_NoRedirect)

    def write(self, item: Sequence[Mapping[str, Any]]) -> None:
        body = f'{{"records":[{",".join(map(as_text, item))}]}}'.encode(errors="replace")
        headers = {"Content-Type": "application/json", "User-Agent": "streamdeq", **self._headers}
        if self._secret:
            headers[SIGNATURE] = f"sha256={hmac.new(self._secret, body, hashlib.sha256).hexdigest()}"
        try:
            with self._opener.open(Request(self._url, body, headers), timeout=self._timeout_s) as answer:
                answer.read(1)
        except HTTPError as error:
            error.close()
            kind = StreamdeqError if error.code in MAY_CHANGE or error.code >= 500 else RefusedError
            raise kind(f"{self._label} answered {error.code} {error.reason}; check the address") from error
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise StreamdeqError(f"cannot write to {self._label}: {reason}; check the server") from error

    def close(self) -> None:
        """Every request had its own connection."""
