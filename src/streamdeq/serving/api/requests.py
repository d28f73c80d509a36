"""Read and check what a request says of a camera.

Nothing in a request is a path of the server's files, names a variable of its environment, or leads to a host that the
server's own file does not allow.
"""

import re
from collections.abc import Sequence
from dataclasses import fields
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from typing import Any, get_args, get_type_hints
from urllib.parse import urlsplit

from streamdeq.codec import Option, from_plain, to_plain
from streamdeq.errors import StreamdeqError
from streamdeq.reading import loads
from streamdeq.registry import unknown
from streamdeq.serving.server import Allow, CameraConfig
from streamdeq.video.live.redact import redacted_address

#: Bytes of a camera's description.
MOST_BYTES = 16_384
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
#: Settings that are paths: the server's own file may have them.
PATHS = ("boxes", "rules")


def read_object(body: bytes) -> dict[str, Any]:
    try:
        given = loads(body.decode(), finite=True)
    except ValueError as error:
        raise StreamdeqError(f"expected a JSON object: {error}") from error
    if not isinstance(given, dict):
        raise StreamdeqError("expected a JSON object")
    return given


def read_camera(body: bytes, allow: Allow) -> tuple[str, CameraConfig]:
    """`{"name": "gate", "source": "rtsp://…", …}`.

    Raises:
        StreamdeqError: what is not as it should be, without any secret.
    """
    given = read_object(body)
    name = given.pop("name", None)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise StreamdeqError("name: expected 1 to 60 letters, digits, dots, dashes and underscores")
    check_fields(given, allow)
    return name, from_plain(CameraConfig, given, key="setting")


def read_change(body: bytes, camera: CameraConfig, allow: Allow) -> dict[str, Any]:
    """Some settings of a camera, as values of its fields."""
    given = read_object(body)
    if not given:
        raise StreamdeqError("expected a JSON object with the settings to change")
    check_fields(given, allow)
    changed = from_plain(CameraConfig, {**to_plain(camera), **given}, key="setting")
    return {name: getattr(changed, name) for name in given}


def check_fields(given: dict[str, Any], allow: Allow) -> None:
    known = [field.name for field in fields(CameraConfig)]
    for name in given:
        if name in PATHS:
            raise StreamdeqError(f"{name}: a request names no files of the server; write it into the server's own file")
        if name not in known:
            raise StreamdeqError(unknown("setting", name[:60], known))
    if "source" in given:
        check_source(given["source"], allow)


def check_source(source: object, allow: Allow) -> None:
    """Raise StreamdeqError unless `source` is an address that requests may name."""
    if not isinstance(source, str) or "://" not in source:
        raise StreamdeqError("source: expected an address such as rtsp://HOST/PATH; files belong into the server's own")
    if "${" in source:
        raise StreamdeqError("source: a request names no variables and files of the server; write the login itself")
    label = redacted_address(source)
    parts = urlsplit(source)
    if parts.scheme.lower() not in allow.schemes:
        raise StreamdeqError(f"source: {label}: expected one of {', '.join(allow.schemes)}; see allow.schemes")
    if not is_allowed((parts.hostname or "").lower(), allow.hosts):
        raise StreamdeqError(f"source: {label}: this host is not allowed; the server's file has allow.hosts for it")


def is_allowed(host: str, patterns: Sequence[str]) -> bool:
    """Whether a name or an address is among `patterns`: names, `*.cams.example`, addresses, networks (`10.0.0.0/8`)."""
    try:
        address = ip_address(host)
    except ValueError:
        return any(fnmatchcase(host, pattern.lower()) for pattern in patterns if "/" not in pattern)
    for pattern in patterns:
        try:
            if address in ip_network(pattern, strict=False):
                return True
        except (ValueError, TypeError):
            continue  # a name
    return False


def schema_of(kind: Any, *, required: Sequence[str] = ()) -> dict[str, Any]:
    """The JSON schema of a dataclass's fields, with the help of their options."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(kind).json_schema(ref_template="#/components/schemas/{model}")
    for name, hint in get_type_hints(kind, include_extras=True).items():
        told = [one.help for one in get_args(hint) if isinstance(one, Option)]
        if told and name in schema["properties"]:
            schema["properties"][name]["description"] = told[0]
    return {**schema, "required": list(required)}
