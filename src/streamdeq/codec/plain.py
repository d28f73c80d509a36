"""Dataclasses of settings to and from JSON values."""

from typing import Any, TypeVar

from cattrs.errors import AttributeValidationNote, BaseValidationError

from streamdeq.codec.annotations import CONVERTER, PlainError
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """`value` as JSON values: dataclasses become dicts, tuples lists, enumerations their values."""
    return CONVERTER.unstructure(value)


def from_plain(kind: type[T], plain: Any, key: str | None = None) -> T:
    """The value of type `kind` that `to_plain` made `plain` from; what is left out has its default.

    Args:
        key: what a key is called in an error; "key of Recipe" if None.

    Raises:
        PlainError: a key that does not exist or is missing, or a value of another type.
        StreamdeqError: what the dataclasses' own checks refuse.
    """
    try:
        return CONVERTER.structure(plain, kind)
    except (BaseValidationError, ValueError, PlainError) as whole:
        place, error = _innermost(whole)
    if isinstance(error, PlainError):
        problem = unknown(key, str(error.key), error.choices) if key and error.choices else error.problem
        raise type(error)(problem, place, error.key, error.choices)
    if isinstance(error, StreamdeqError | TypeError):
        raise error
    raise PlainError(str(error), place)


def differences(old: Any, new: Any, prefix: str = "") -> list[tuple[str, Any, Any]]:
    """(dotted key, old, new) wherever two plain values differ; None stands for a missing key."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [(prefix, old, new)]
    found = []
    for key in sorted(old.keys() | new.keys()):
        found += differences(old.get(key), new.get(key), f"{prefix}.{key}" if prefix else key)
    return found


def _innermost(error: BaseException) -> tuple[str, BaseException]:
    """The dotted place of the first cause of an error of cattrs, and the cause."""
    path: list[str] = []
    while isinstance(error, BaseValidationError):
        error = error.exceptions[0]
        path += [n.name for n in getattr(error, "__notes__", ()) if isinstance(n, AttributeValidationNote)]
    return ".".join(path), error
