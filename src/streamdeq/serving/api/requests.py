"""Read and check what a request says of a camera.

Nothing in a request is a path of the server's files, names a variable of its environment, or leads to a host that the
server's own file does not allow.
"""

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from streamdeq.codec import from_plain, to_plain
from streamdeq.errors import StreamdeqError
from streamdeq.reading import loads
from streamdeq.registry import unknown
from streamdeq.serving.server import AllowConfig, CameraConfig
from streamdeq.serving.server.config import check_name

#: Bytes of a camera's description.
MOST_BYTES = 16_384
#: Settings that may be paths: the server's own file may have them.
PATHS = ("boxes", "rules")


def read_object(body: bytes) -> dict[str, Any]:
    try:
        given = loads(body.decode(), finite=True)
    except ValueError as error:
        raise StreamdeqError(f"expected a JSON object: {error}") from error
    if not isinstance(given, dict) or not given:
        raise StreamdeqError('expected a JSON object of settings, such as {"max_steps": 4}')
    return given


def read_camera(body: bytes, allow: AllowConfig) -> tuple[str, CameraConfig]:
    """`{"name": "gate", "source": "rtsp://…", …}`.

    Raises:
        StreamdeqError: what is not as it should be, without any secret.
    """
    given = read_object(body)
    name = given.pop("name", None)
    if not isinstance(name, str):
        raise StreamdeqError("expected a name, the camera's, beside its settings")
    check_name(name)
    return name, read_settings(given, allow)


def read_change(body: bytes, camera: CameraConfig, allow: AllowConfig) -> dict[str, Any]:
    """Some settings of a camera, as values of its fields."""
    given = read_object(body)
    changed = read_settings(given, allow, to_plain(camera))
    return {name: getattr(changed, name) for name in given}


def read_settings(given: dict[str, Any], allow: AllowConfig, before: dict[str, Any] | None = None) -> CameraConfig:
    known = [field.name for field in fields(CameraConfig)]
    for name, value in given.items():
        if name in PATHS and value is not None:
            raise StreamdeqError(f"{name}: a request names no files of the server; write it into the server's own file")
        if name not in known:
            raise StreamdeqError(unknown("setting", name[:60], known))
    if "source" in given or before is None:
        source = given.get("source")
        allow.check(source if isinstance(source, str) else "")
    return from_plain(CameraConfig, {**(before or {}), **given}, key="setting")


def schema_of(kind: Any, *, required: Sequence[str] = ()) -> dict[str, Any]:
    """The JSON schema of a dataclass's fields."""
    from pydantic import TypeAdapter

    schema = TypeAdapter(kind).json_schema(ref_template="#/components/schemas/{model}")
    return {**schema, "required": list(required)}
