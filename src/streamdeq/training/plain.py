"""Frozen dataclasses to and from plain JSON values. Knows no particular dataclass.

A field that may hold one of several dataclasses carries the name of its class under `kind`; without one it is from
before there was a choice and means the first of them.
"""

import dataclasses
import types
import typing
from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

KIND = "kind"


def to_plain(value: Any) -> Any:
    """Dataclasses become dicts, tuples lists; the rest is JSON already."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        hints = typing.get_type_hints(type(value))
        return {f.name: _tagged(getattr(value, f.name), hints[f.name]) for f in dataclasses.fields(value)}
    if isinstance(value, tuple):
        return [to_plain(v) for v in value]
    return value


def from_plain(hint: Any, plain: Any) -> Any:
    """The value of type `hint` that `to_plain` made `plain` from."""
    choices = _dataclasses(hint)
    if isinstance(plain, dict) and choices:
        kind = _chosen(choices, plain)
        hints = typing.get_type_hints(kind)
        names = [f.name for f in dataclasses.fields(kind)]
        for name in plain:
            if name not in names and name != KIND:
                raise StreamdeqError(unknown(f"key of {kind.__name__}", name, names))
        return kind(**{name: from_plain(hints[name], plain[name]) for name in names if name in plain})
    return tuple(from_plain(Any, v) for v in plain) if isinstance(plain, list) else plain


def differences(old: Any, new: Any, prefix: str = "") -> list[tuple[str, Any, Any]]:
    """(dotted key, old, new) wherever two plain values differ; None stands for a missing key."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [(prefix, old, new)]
    found = []
    for key in sorted(old.keys() | new.keys()):
        found += differences(old.get(key), new.get(key), f"{prefix}.{key}" if prefix else key)
    return found


def _tagged(value: Any, hint: Any) -> Any:
    plain = to_plain(value)
    tagged = isinstance(plain, dict) and len(_dataclasses(hint)) > 1
    return {KIND: type(value).__name__, **plain} if tagged else plain


def _dataclasses(hint: Any) -> list[type]:
    members = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    return [m for m in members if isinstance(m, type) and dataclasses.is_dataclass(m)]


def _chosen(choices: list[type], plain: dict) -> type:
    if len(choices) == 1 or KIND not in plain:
        return choices[0]
    by_name = {choice.__name__: choice for choice in choices}
    if plain[KIND] not in by_name:
        raise StreamdeqError(unknown(KIND, str(plain[KIND]), list(by_name)))
    return by_name[plain[KIND]]
