"""Parse the address of a live source: what FFmpeg opens, and a label and a file name without secrets."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown
from streamdeq.video.live.credentials import filled_in
from streamdeq.video.live.redact import Redactor, redacted_address

# Without a list FFmpeg follows what a play list says to any protocol, local files included.
WEB = {"protocol_whitelist": "http,https,tls,tcp,crypto,httpproxy"}
# UDP loses pictures on every busy network; who wants it says so in the options.
RTSP = {"rtsp_transport": "tcp", "protocol_whitelist": "rtsp,rtp,srtp,tcp,udp,tls"}
SCHEMES: dict[str, tuple[str | None, Mapping[str, str]]] = {
    "rtsp": ("rtsp", RTSP),
    "rtsps": ("rtsp", RTSP),
    "http": (None, WEB),
    "https": (None, WEB),
    "tcp": (None, {"protocol_whitelist": "tcp"}),
    "udp": (None, {"protocol_whitelist": "udp"}),
}
# The library's default wait for a publisher is one that it refuses itself.
RTSP_LISTENS = {"rtsp_flags": "listen", "listen_timeout": "1000000"}
CAN_LISTEN = ("rtsp", "tcp")
CAMERAS = {"linux": ("v4l2", "/dev/video{}"), "darwin": ("avfoundation", "{}")}
LONGEST_NAME = 60


@dataclass(frozen=True)
class Address:
    """A live source, as FFmpeg takes it.

    Attributes:
        url, format, options: for FFmpeg. Never shown.
        label: for messages; the address without its secrets.
        name: for file names: letters, digits and dashes.
        kind: "camera" or the scheme.
        listening: it waits for a publisher to connect.
        secrets: what the address names and does not hold, filled in (`credentials`). Never shown.
    """

    url: str = field(repr=False)
    format: str | None
    options: Mapping[str, str] = field(repr=False)
    label: str
    name: str
    kind: str
    listening: bool = False
    secrets: tuple[str, ...] = field(default=(), repr=False)

    def redactor(self, options: Mapping[str, str]) -> Redactor:
        """Takes the secrets of this address, and the values of the user's own `options`, out of any text."""
        words = [word for value in options.values() for word in (value, *value.split())]
        # Short words are no secrets but settings ("tcp", "1"), and would black out half of a message.
        return Redactor(self.url, (*self.secrets, *(word for word in words if len(word) >= 8)))


def parse_address(spec: object) -> Address | None:
    """The live source that `spec` names; None if it names none, but a file or something else.

    A camera's number (`0`, `"0"`), `/dev/video0`, or an address. `rtsp://HOST:PORT/PATH?listen` and
    `tcp://HOST:PORT?listen` wait there for a publisher to connect. Logins and tokens may be named instead of written:
    `rtsp://${CAM_USER}:${file:/run/secrets/cam}@HOST/PATH`.

    Raises:
        StreamdeqError: an address of a kind that cannot be read, or a camera that is not there.
    """
    if isinstance(spec, int) and not isinstance(spec, bool):
        return camera(spec)
    if isinstance(spec, os.PathLike):
        return from_path(os.fspath(spec))
    if not isinstance(spec, str):
        return None
    if re.fullmatch("[0-9]{1,3}", spec) and not os.path.lexists(spec):
        return camera(int(spec))
    if re.match("[A-Za-z][A-Za-z0-9+.-]+://", spec):
        return network(spec)
    return from_path(spec)


def from_path(path: str | bytes) -> Address | None:
    text = os.fsdecode(path)
    if number := re.fullmatch("/dev/video([0-9]+)", text):
        return camera(int(number[1]))
    # pathlib makes one slash of two.
    if re.match(f"({'|'.join(SCHEMES)}):/", text):
        raise StreamdeqError(f"expected an address as text, got a path ({redacted_address(text)}): give a string")
    return None


def network(spec: str) -> Address:
    label = redacted_address(spec)
    scheme = spec.partition("://")[0].lower()
    if scheme not in SCHEMES:
        raise StreamdeqError(f"cannot read {label}: " + unknown("kind of address", scheme, list(SCHEMES)))
    if not spec.partition("://")[2].strip("/"):
        raise StreamdeqError(f"expected an address such as {scheme}://HOST/PATH, got {label}: name the host")
    form, options = SCHEMES[scheme]
    url, secrets = filled_in(scheme + spec[len(scheme) :], label)  # FFmpeg knows small letters only
    url, listening = without_listen(url)
    if listening and scheme not in CAN_LISTEN:
        raise StreamdeqError(f"cannot listen at {label}: only {' and '.join(CAN_LISTEN)} can; leave out 'listen'")
    if listening and scheme == "tcp":
        url += ("&" if "?" in url else "?") + "listen=1"
    if listening and scheme == "rtsp":
        options = {**options, **RTSP_LISTENS}
    return Address(url, form, options, label, file_name(label), scheme, listening, secrets)


def without_listen(url: str) -> tuple[str, bool]:
    """`url` without `listen` or `listen=1` in its query, and whether it had it."""
    where, _, query = url.partition("?")
    pairs = query.split("&") if query else []
    rest = [pair for pair in pairs if pair not in ("listen", "listen=1")]
    return where + ("?" + "&".join(rest) if rest else ""), len(rest) < len(pairs)


def camera(number: int) -> Address:
    if number < 0 or sys.platform not in CAMERAS:
        raise StreamdeqError(f"expected a camera's number on Linux or macOS, got {number} on {sys.platform}")
    form, pattern = CAMERAS[sys.platform]
    device = pattern.format(number)
    if device.startswith("/") and not os.path.exists(device):
        raise StreamdeqError(f"no camera {number} here: {device} does not exist; plug it in, or give another number")
    return Address(device, form, {}, device, f"camera-{number}", "camera")


def file_name(label: str) -> str:
    return re.sub("[^A-Za-z0-9]+", "-", label).strip("-")[:LONGEST_NAME].rstrip("-")
