"""Settings, which are dataclasses, to and from JSON values and `key=value` text, by the fields' annotations.

A field may be bool, int, float, str, Path, None, Literal, an enumeration, a tuple, a dict, a dataclass, or a union of
those. One that may hold one of several dataclasses carries the name of its class under `kind`; without a name it is of
the first that has all its keys, as what was written before there was a choice. Text is what a user types: the same
values, with `none` for None, tuples separated by commas, and no NaN.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from reprlib import repr as shortened
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from cattrs import Converter
from cattrs.errors import AttributeValidationNote, BaseValidationError
from cattrs.gen import make_dict_structure_fn

from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

T = TypeVar("T")
KIND = "kind"


@dataclasses.dataclass(frozen=True)
class Option:
    """How a field is given on the command line; it stands in the annotation, and a field without one is not.

    Args:
        name: `--name`; that of the field if empty.
        short: `-n`, if there is one.
        least: of a whole number, or of each of several, which must then differ.
        expects: what is expected, in words, where its type does not say it.
    """

    help: str
    name: str = ""
    short: str = ""
    metavar: str = ""
    least: int | None = None
    expects: str = ""


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


class _NoGroupError(PlainError):
    """Of several dataclasses that may be at `place` none has all the keys that are given."""


class Text(str):
    """What a user typed for a setting, among plain values."""


def to_plain(value: Any) -> Any:
    """`value` as JSON values: dataclasses become dicts, tuples lists, enumerations their values."""
    return _CONVERTER.unstructure(value)


def from_plain(kind: type[T], plain: Any, key: str | None = None) -> T:
    """The value of type `kind` that `to_plain` made `plain` from; what is left out has its default.

    Args:
        key: what a key is called in an error; "key of Recipe" if None.

    Raises:
        PlainError: a key that does not exist or is missing, or a value of another type.
        StreamdeqError: what the dataclasses' own checks refuse.
    """
    try:
        return _CONVERTER.structure(plain, kind)
    except (BaseValidationError, ValueError, PlainError) as whole:
        place, error = _innermost(whole)
    if isinstance(error, PlainError):
        problem = unknown(key, str(error.key), error.choices) if key and error.choices else error.problem
        raise type(error)(problem, place, error.key, error.choices)
    if isinstance(error, StreamdeqError | TypeError):
        raise error
    raise PlainError(str(error), place)


def parse(text: str, kind: Any) -> Any:
    """`text` as a value of the annotation `kind`; ValueError when it is not one."""
    return _CONVERTER.structure(Text(text), kind)


def flatten(value: Any) -> dict[str, Any]:
    """Every setting under its dotted key, in the order of the fields."""
    flat: dict[str, Any] = {}
    for name in _names(value):
        inner = getattr(value, name)
        flat |= {f"{name}.{key}": leaf for key, leaf in flatten(inner).items()} if _is_group(inner) else {name: inner}
    return flat


def override(value: T, items: Sequence[str]) -> T:
    """A copy of the dataclass instance `value` with every `key=value` of `items` applied.

    A dotted key walks into nested dataclasses; one that is None begins with its defaults. All changes are applied
    before a dataclass is built again, so its checks see the final combination only.

    Raises:
        StreamdeqError: an item without `=`, an unknown or repeated key, a value of another type.

    >>> @dataclasses.dataclass(frozen=True)
    ... class Recipe:
    ...     channels: tuple[int, ...] = (16, 32)
    ...     clip: float | None = 1.0
    >>> override(Recipe(), ["channels=8,16,32", "clip=none"])
    Recipe(channels=(8, 16, 32), clip=None)
    """
    plain, known = to_plain(value), flatten(value)
    texts: dict[str, Text] = {}
    for item in items:
        key, separator, text = item.partition("=")
        if not separator:
            raise StreamdeqError(f"expected key=value, got '{item}'")
        if key in texts:
            raise StreamdeqError(f"'{key}' is set twice; keep one of them")
        texts[key] = Text(text)
        _place(plain, key, texts, known)
    try:
        return from_plain(type(value), plain)
    except PlainError as error:
        place = error.place if error.key is None else f"{error.place}.{error.key}".removeprefix(".")
        inside = [key for key in texts if f"{key}.".startswith(f"{place}.")]
        if isinstance(error, _NoGroupError):
            raise StreamdeqError(f"no group '{place}' has all of {', '.join(inside)}") from None
        if error.choices or place not in texts:
            raise StreamdeqError(_unknown_setting(inside[0], known)) from None
        if parts := [key for key in known if key.startswith(f"{place}.")]:
            raise StreamdeqError(f"'{place}' is a group of settings; set one of {', '.join(parts)}") from None
        raise


def differences(old: Any, new: Any, prefix: str = "") -> list[tuple[str, Any, Any]]:
    """(dotted key, old, new) wherever two plain values differ; None stands for a missing key."""
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return [] if old == new else [(prefix, old, new)]
    found = []
    for key in sorted(old.keys() | new.keys()):
        found += differences(old.get(key), new.get(key), f"{prefix}.{key}" if prefix else key)
    return found


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


# -- where a text belongs, and what is wrong with it ---------------------------------------------------------


def _place(plain: dict[str, Any], key: str, texts: dict[str, Text], known: dict[str, Any]) -> None:
    """Put the text of `key` among the plain values of a whole."""
    *groups, leaf = key.split(".")
    for depth, name in enumerate(groups, 1):
        if (group := ".".join(groups[:depth])) in texts:
            raise StreamdeqError(f"'{group}' is set as a whole and in part; keep one of them")
        if plain.get(name) is None:
            plain[name] = {}
        if not isinstance(plain[name], dict):
            raise StreamdeqError(_unknown_setting(key, known))
        plain = plain[name]
    if any(other.startswith(f"{key}.") for other in texts):
        raise StreamdeqError(f"'{key}' is set as a whole and in part; keep one of them")
    plain[leaf] = texts[key]


def _unknown_setting(key: str, known: dict[str, Any]) -> str:
    # The last part is what people remember: `lr` for `optimizer.lr`, where spelling distance sees nothing.
    same_leaf = [choice for choice in known if choice.rsplit(".", 1)[-1] == key.rsplit(".", 1)[-1]]
    if same_leaf:
        return f"unknown setting '{key}'; did you mean {' or '.join(repr(choice) for choice in same_leaf)}?"
    return unknown("setting", key, list(known))


def _innermost(error: BaseException) -> tuple[str, BaseException]:
    """The dotted place of the first cause of an error of cattrs, and the cause."""
    path: list[str] = []
    while isinstance(error, BaseValidationError):
        error = error.exceptions[0]
        path += [n.name for n in getattr(error, "__notes__", ()) if isinstance(n, AttributeValidationNote)]
    return ".".join(path), error


# -- how a value of each annotation is read ------------------------------------------------------------------


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
        return tuple(_CONVERTER.structure(part, one) for part, one in zip(parts, kinds, strict=True))
    except ValueError:
        raise _mismatch(kind, value) from None


def _dict(value: Any, kind: Any) -> dict[Any, Any]:
    if isinstance(value, Text):
        raise TypeError(f"a value of type {kind} cannot be given as text")
    if not isinstance(value, dict):
        raise _mismatch(kind, value)
    return {key: _CONVERTER.structure(one, get_args(kind)[1]) for key, one in value.items()}


def _union(value: Any, kind: Any) -> Any:
    """Of several dataclasses the one that is named or has all the keys; of the rest the first that can be read."""
    members = get_args(kind)
    groups: dict[str, Any] = {
        str(getattr(one, "__name__", "")): one for one in members if dataclasses.is_dataclass(one)
    }
    if isinstance(value, dict) and groups:
        fitting = [name for name, group in groups.items() if {*value} <= {*_names(group)}]
        if not fitting and {*value} <= {key for group in groups.values() for key in _names(group)}:
            raise _NoGroupError(f"no group has all of {', '.join(value)}")
        name = value.get(KIND, (fitting or list(groups))[0])
        if name not in groups:
            raise StreamdeqError(unknown(KIND, str(name), list(groups)))
        return _CONVERTER.structure(value, groups[name])
    # Any text is a str, so str is asked last.
    for member in sorted(members, key=lambda member: (member is str, member is not NoneType)):
        try:
            return _CONVERTER.structure(value, member)
        except ValueError:
            continue
    raise _mismatch(kind, value)


def _group_reader(kind: Any) -> Callable[[Any, Any], Any]:
    build, names = make_dict_structure_fn(kind, _CONVERTER), _names(kind)
    without_default = {
        field.name
        for field in dataclasses.fields(kind)
        if field.default is field.default_factory is dataclasses.MISSING
    }

    def read(plain: Any, _: Any) -> Any:
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
    plain = _CONVERTER.unstructure(value)
    return {KIND: type(value).__name__, **plain} if _is_group(value) else plain


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)


def _is_group(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _names(value: Any) -> list[str]:
    return [field.name for field in dataclasses.fields(value) if field.init]


def _of_several(kind: Any) -> bool:
    return _is_union(kind) and sum(map(dataclasses.is_dataclass, get_args(kind))) > 1


_CONVERTER = Converter(unstruct_collection_overrides={tuple: list})
_CONVERTER.register_structure_hook_factory(dataclasses.is_dataclass, _group_reader)
for _kind in _SCALARS:
    _CONVERTER.register_structure_hook(_kind, _scalar)
_CONVERTER.register_structure_hook_func(lambda kind: get_origin(kind) is Literal, _choice)
_CONVERTER.register_structure_hook(StrEnum, _choice)
_CONVERTER.register_structure_hook_func(lambda kind: get_origin(kind) is tuple, _tuple)
_CONVERTER.register_structure_hook_func(lambda kind: get_origin(kind) is dict, _dict)
_CONVERTER.register_structure_hook_func(_is_union, _union)
_CONVERTER.register_unstructure_hook_func(_of_several, _tagged)
