"""Typed `key=value` overrides of nested frozen dataclasses, and the flat view that lists the keys.

Knows dataclasses and their annotations; knows no recipe and no command line. A dotted key walks into nested
dataclasses (`optimizer.lr=2e-3`); the value's type comes from the field's annotation: bool, int, float, str,
Path, Literal, tuples and unions of those, None as `none`. A dataclass that is None begins with its defaults when
one of its settings is given; of several, the one that has all that are given. Containers other than tuples are not for
one line.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

T = TypeVar("T")


def flatten(value: Any) -> dict[str, Any]:
    """Every setting under its dotted key, in the order of the fields."""
    flat: dict[str, Any] = {}
    for name in _fields(value):
        inner = getattr(value, name)
        if _is_group(inner):
            flat |= {f"{name}.{key}": leaf for key, leaf in flatten(inner).items()}
        else:
            flat[name] = inner
    return flat


def override(value: T, items: Sequence[str]) -> T:
    """A copy of the dataclass instance `value` with every `key=value` of `items` applied.

    All changes are applied before a dataclass is built again, so its checks see the final combination only.

    Raises:
        StreamdeqError: an item without `=`, an unknown or repeated key, a value of another type.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Recipe:
    ...     channels: tuple[int, ...] = (16, 32)
    ...     clip: float | None = 1.0
    >>> override(Recipe(), ["channels=8,16,32", "clip=none"])
    Recipe(channels=(8, 16, 32), clip=None)
    """
    changes: dict[str, Any] = {}
    for item in items:
        key, separator, text = item.partition("=")
        if not separator:
            raise StreamdeqError(f"expected key=value, got '{item}'")
        if key in changes:
            raise StreamdeqError(f"'{key}' is set twice; keep one of them")
        changes[key] = _value(value, key, text)
    return _rebuilt(value, changes)


def _value(root: Any, key: str, text: str) -> Any:
    """`text` as the type of the field that `key` leads to."""
    *groups, leaf = key.split(".")
    node = root
    for name, key_in_it in pairwise([*groups, leaf]):
        node = _group(node, name, {key_in_it}) if _is_group(node) else None
        if node is None:
            raise StreamdeqError(_unknown_key(root, key))
    if leaf not in _fields(node):
        raise StreamdeqError(_unknown_key(root, key))
    kind = get_type_hints(type(node))[leaf]
    if dataclasses.is_dataclass(kind):
        parts = ", ".join(f"{key}.{part}" for part in flatten(getattr(node, leaf)))
        raise StreamdeqError(f"'{key}' is a group of settings; set one of {parts}")
    try:
        return parse(text, kind)
    except ValueError:
        raise StreamdeqError(f"{key}: expected {expected(kind)}, got '{text}'") from None


def _rebuilt(value: Any, changes: dict[str, Any]) -> Any:
    """`value` with the dotted `changes`, innermost dataclasses first, each built exactly once."""
    own = {key: new for key, new in changes.items() if "." not in key}
    inner: dict[str, dict[str, Any]] = {}
    for key, new in changes.items():
        group, dot, rest = key.partition(".")
        if dot:
            inner.setdefault(group, {})[rest] = new
    if clash := own.keys() & inner.keys():
        group = min(clash)
        raise StreamdeqError(f"'{group}' is set as a whole and in part; keep one of them")
    for group, part in inner.items():
        begin = _group(value, group, {key.partition(".")[0] for key in part})
        if begin is None:
            raise StreamdeqError(f"no group '{group}' has all of {', '.join(f'{group}.{key}' for key in part)}")
        own[group] = _rebuilt(begin, part)
    return dataclasses.replace(value, **own)


def _fields(value: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(value) if field.init]


def _group(value: Any, name: str, keys: set[str]) -> Any:
    """The settings under `name`: what is there, or the defaults of the one dataclass that may be and has `keys`; None
    for neither."""
    if name not in _fields(value):
        return None
    inner = getattr(value, name)
    if inner is None:
        kinds = [
            kind
            for kind in get_args(get_type_hints(type(value))[name])
            if dataclasses.is_dataclass(kind) and keys <= set(_fields(kind))
        ]
        return kinds[0]() if len(kinds) == 1 else None  # type: ignore[operator]
    return inner if _is_group(inner) else None


def _is_group(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _unknown_key(root: Any, key: str) -> str:
    choices = list(flatten(root))
    # The last part is what people remember: `lr` for `optimizer.lr`, where spelling distance sees nothing.
    same_leaf = [choice for choice in choices if choice.rsplit(".", 1)[-1] == key.rsplit(".", 1)[-1]]
    if same_leaf:
        return f"unknown setting '{key}'; did you mean {' or '.join(repr(choice) for choice in same_leaf)}?"
    return unknown("setting", key, choices)


# -- text to value ---------------------------------------------------------------------------------------


def _bool(text: str) -> bool:
    return {"true": True, "false": False}[text.lower()]


def _number(text: str) -> float:
    number = float(text)
    if math.isnan(number):
        raise ValueError(text)
    return number


_SCALARS: dict[Any, tuple[str, Callable[[str], Any]]] = {
    bool: ("true or false", _bool),
    int: ("a whole number", int),
    float: ("a number", _number),
    str: ("text", str),
    Path: ("a path", Path),
    NoneType: ("none", {"none": None}.__getitem__),
}


def parse(text: str, kind: Any) -> Any:
    """`text` as a value of the annotation `kind`.

    Raises:
        ValueError: when it is not one.
        TypeError: when a `kind` cannot be written as text (a mistake in the program, not of its user).
    """
    origin, members = get_origin(kind), get_args(kind)
    if kind in _SCALARS:
        try:
            return _SCALARS[kind][1](text.strip())
        except KeyError:
            raise ValueError(text) from None
    if origin is Literal:
        return _first(text, [lambda t, m=member: _same(t, m) for member in members])
    if origin in (Union, UnionType):
        # Any text is a str, so str is asked last.
        ordered = sorted(members, key=lambda member: (member is str, member is not NoneType))
        return _first(text, [lambda t, m=member: parse(t, m) for member in ordered if _writable(member)])
    if origin is tuple:
        return _tuple(text, members)
    raise TypeError(f"a value of type {kind} cannot be given as text")


def expected(kind: Any) -> str:
    """What `parse` takes for `kind`, in words."""
    origin, members = get_origin(kind), get_args(kind)
    if kind in _SCALARS:
        return _SCALARS[kind][0]
    if origin is Literal:
        return f"one of {', '.join(str(member) for member in members)}"
    if origin is tuple:
        if members[-1] is Ellipsis:
            return f"{expected(members[0])}, or several separated by commas"
        return f"{len(members)} values separated by commas ({', '.join(expected(m) for m in members)})"
    return " or ".join(expected(member) for member in members if _writable(member))


def _writable(kind: Any) -> bool:
    """False for a dataclass in a union: it is set part by part, or left."""
    return kind in _SCALARS or get_origin(kind) in (Literal, Union, UnionType, tuple)


def _first(text: str, readings: list[Callable[[str], Any]]) -> Any:
    for reading in readings:
        try:
            return reading(text)
        except ValueError:
            continue
    raise ValueError(text)


def _same(text: str, member: Any) -> Any:
    if text.strip().lower() != str(member).lower():
        raise ValueError(text)
    return member


def _tuple(text: str, members: tuple[Any, ...]) -> tuple[Any, ...]:
    inside = text.strip().removeprefix("(").removesuffix(")")
    parts = inside.removesuffix(",").split(",") if inside else []  # `(3,)` is how Python prints one
    if members[-1] is Ellipsis:
        members = (members[0],) * len(parts)
    if len(parts) != len(members):
        raise ValueError(text)
    return tuple(parse(part, member) for part, member in zip(parts, members, strict=True))
