"""What each annotation takes: from JSON values, from text, and in words."""

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from reprlib import repr as shortened
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from cattrs import Converter
from cattrs.gen import make_dict_structure_fn

from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

KIND = "kind"


class PlainError(StreamdeqError):
    """Plain values are not those of the type asked for.

    Args:
        place: where, as a dotted key; empty for the whole.
        key: of the dataclass there, one that it has no field for or, without `choices`, that is missing.
        choices: the keys that it has.
    """

    def __init__(self, problem: str, place: str = "", key: str | None = None, choices: Sequence[str] = ()) -> None:
        super().__init__(f"{place}: {problem}" if place else problem)
        self.problem, self.place, self.key, self.choices = problem, place, key, list(choices)


class NoGroupError(PlainError):
    """Of several dataclasses that may be at `place` none has all the keys that are given."""


class Text(str):
    """What a user typed for a setting, among plain values."""


class Written(ABC):
    """A dataclass that a user may also write as one value: `unroll=1..20` beside `unroll.low=1 unroll.high=20`."""

    @classmethod
    @abstractmethod
    def read(cls, text: str) -> Any:
        """An instance; ValueError where `text` is not one of this kind."""


def expected(kind: Any) -> str:
    """What is taken for the annotation `kind`, in words."""
    members = get_args(kind)
    if kind in _SCALARS:
        return _SCALARS[kind][0]
    if choices := choices_of(kind):
        return f"one of {', '.join(str(choice) for choice in choices)}"
    if get_origin(kind) is tuple and members[-1] is Ellipsis:
        return f"{expected(members[0])}, or several separated by commas"
    if get_origin(kind) is tuple:
        return f"{len(members)} values separated by commas ({', '.join(expected(m) for m in members)})"
    if _is_union(kind):
        return " or ".join(expected(member) for member in members if not dataclasses.is_dataclass(member))
    name = getattr(kind, "__name__", str(kind))
    return f"the settings of {name}" if dataclasses.is_dataclass(kind) else name


def choices_of(kind: Any) -> Sequence[Any]:
    """The values of a Literal or an enumeration; none for another annotation."""
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return list(kind)
    return get_args(kind) if get_origin(kind) is Literal else ()


def _number(text: str) -> float:
    if math.isnan(number := float(text)):
        raise ValueError(text)
    return number


#: In words, from text, and the types that JSON has for it.
_SCALARS: dict[Any, tuple[str, Callable[[str], Any], tuple[type, ...]]] = {
    bool: ("true or false", lambda text: {"true": True, "false": False}[text.lower()], (bool,)),
    int: ("a whole number", int, (int,)),
    float: ("a number", _number, (int, float)),  # a whole number stays one
    str: ("text", str, (str,)),
    Path: ("a path", Path, (str,)),
    NoneType: ("none", {"none": None}.__getitem__, (NoneType,)),
}


def _mismatch(kind: Any, value: Any) -> ValueError:
    return ValueError(
        f"expected {expected(kind)}, got {repr(str(value)) if isinstance(value, Text) else shortened(value)}"
    )


def _scalar(value: Any, kind: Any) -> Any:
    _, read, types = _SCALARS[kind]
    if isinstance(value, Text):
        try:
            return read(value.strip())
        except (KeyError, ValueError):
            raise _mismatch(kind, value) from None
    if type(value) not in types:  # not isinstance: true is no whole number
        raise _mismatch(kind, value)
    return Path(value) if kind is Path else value


def _choice(value: Any, kind: Any) -> Any:
    for member in choices_of(kind):
        if value == member or (isinstance(value, Text) and value.strip().lower() == str(member).lower()):
            return member
    raise _mismatch(kind, value)


def _tuple(value: Any, kind: Any) -> tuple[Any, ...]:
    parts, members = value, get_args(kind)
    if isinstance(value, Text):
        inside = value.strip().removeprefix("(").removesuffix(")")
        # `(3,)` is how Python prints one.
        parts = [Text(part) for part in inside.removesuffix(",").split(",")] if inside else []
    if not isinstance(parts, list | tuple):
        raise _mismatch(kind, value)
    kinds = members[:1] * len(parts) if members[-1] is Ellipsis else members
    if len(parts) != len(kinds):
        raise _mismatch(kind, value)
    try:
        return tuple(CONVERTER.structure(part, one) for part, one in zip(parts, kinds, strict=True))
    except ValueError:
        raise _mismatch(kind, value) from None


def _dict(value: Any, kind: Any) -> dict[Any, Any]:
    if isinstance(value, Text):
        raise TypeError(f"a value of type {kind} cannot be given as text")
    if not isinstance(value, dict):
        raise _mismatch(kind, value)
    return {key: CONVERTER.structure(one, get_args(kind)[1]) for key, one in value.items()}


def _union(value: Any, kind: Any) -> Any:
    """Of several dataclasses the one that is named or has all the keys; of the rest the first that can be read."""
    members = get_args(kind)
    groups: dict[str, Any] = {
        str(getattr(one, "__name__", "")): one for one in members if dataclasses.is_dataclass(one)
    }
    if isinstance(value, dict) and groups:
        fitting = [name for name, group in groups.items() if {*value} <= {*names_of(group)}]
        if not fitting and {*value} <= {key for group in groups.values() for key in names_of(group)}:
            raise NoGroupError(f"no group has all of {', '.join(value)}")
        name = value.get(KIND, (fitting or list(groups))[0])
        if name not in groups:
            raise StreamdeqError(unknown(KIND, str(name), list(groups)))
        return CONVERTER.structure(value, groups[name])
    # Any text is a str, so str is asked last.
    for member in sorted(members, key=lambda member: (member is str, member is not NoneType)):
        try:
            return CONVERTER.structure(value, member)
        except ValueError:
            continue
    raise _mismatch(kind, value)


def _group_reader(kind: Any) -> Callable[[Any, Any], Any]:
    build, names = make_dict_structure_fn(kind, CONVERTER), names_of(kind)
    without_default = {
        field.name
        for field in dataclasses.fields(kind)
        if field.default is field.default_factory is dataclasses.MISSING
    }

    def read(plain: Any, _: Any) -> Any:
        if isinstance(plain, Text) and issubclass(kind, Written):
            return kind.read(plain.strip())
        if not isinstance(plain, dict):
            raise _mismatch(kind, plain)
        for key in plain:
            if key not in names and key != KIND:
                raise PlainError(unknown(f"key of {kind.__name__}", key, names), key=key, choices=names)
        for key in sorted(without_default & {*names} - {*plain}):
            raise PlainError(f"lacks the entry '{key}'", key=key)
        return build(plain, kind)

    return read


def _tagged(value: Any) -> Any:
    plain = CONVERTER.unstructure(value)
    return {KIND: type(value).__name__, **plain} if is_group(value) else plain


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def is_group(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def names_of(value: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(value) if field.init]


def _of_several(kind: Any) -> bool:
    return _is_union(kind) and sum(map(dataclasses.is_dataclass, get_args(kind))) > 1


CONVERTER = Converter(unstruct_collection_overrides={tuple: list})
CONVERTER.register_structure_hook_factory(dataclasses.is_dataclass, _group_reader)
for _kind in _SCALARS:
    CONVERTER.register_structure_hook(_kind, _scalar)
CONVERTER.register_structure_hook_func(lambda kind: get_origin(kind) is Literal, _choice)
CONVERTER.register_structure_hook(StrEnum, _choice)
CONVERTER.register_structure_hook_func(lambda kind: get_origin(kind) is tuple, _tuple)
CONVERTER.register_structure_hook_func(lambda kind: get_origin(kind) is dict, _dict)
CONVERTER.register_structure_hook_func(_is_union, _union)
CONVERTER.register_unstructure_hook_func(_of_several, _tagged)
