"""What a head leaves open, from JSON values to its dataclass."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

T = TypeVar("T")


def read_settings(kind: type[T], given: Mapping[str, Any], head: str) -> T:
    """The defaults of the dataclass `kind` with what is given instead; lists become tuples.

    Raises:
        StreamdeqError: a setting that the head, whose name is for the error, does not have.
    """
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for name in given:
        if name not in names:
            raise StreamdeqError(unknown(f"setting of the {head} head", name, names))
    return kind(**{name: _tuples(value) for name, value in given.items()})


def _tuples(value: Any) -> Any:
    return tuple(_tuples(one) for one in value) if isinstance(value, list) else value
