"""Dataclasses of settings as `key=value` text: the flat view that lists the keys, and what changes some."""

from collections.abc import Sequence
from typing import Any, TypeVar

from streamdeq.codec.annotations import CONVERTER, NoGroupError, PlainError, Text, is_group, names_of
from streamdeq.codec.plain import from_plain, to_plain
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

T = TypeVar("T")


def parse(text: str, kind: Any) -> Any:
    """`text` as a value of the annotation `kind`; ValueError when it is not one."""
    return CONVERTER.structure(Text(text), kind)


def typed(plain: Any) -> Any:
    """JSON values whose texts are what a user typed: "3" is a number where one is wanted."""
    if isinstance(plain, dict):
        return {key: typed(one) for key, one in plain.items()}
    if isinstance(plain, list):
        return [typed(one) for one in plain]
    return Text(plain) if isinstance(plain, str) else plain


def flatten(value: Any) -> dict[str, Any]:
    """Every setting under its dotted key, in the order of the fields."""
    flat: dict[str, Any] = {}
    for name in names_of(value):
        inner = getattr(value, name)
        flat |= {f"{name}.{key}": leaf for key, leaf in flatten(inner).items()} if is_group(inner) else {name: inner}
    return flat


def override(value: T, items: Sequence[str]) -> T:
    """A copy of the dataclass instance `value` with every `key=value` of `items` applied.

    A dotted key walks into nested dataclasses; one that is None begins with its defaults. All changes are applied
    before a dataclass is built again, so its checks see the final combination only.

    Raises:
        StreamdeqError: an item without `=`, an unknown or repeated key, a value of another type.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
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
        if isinstance(error, NoGroupError):
            raise StreamdeqError(f"no group '{place}' has all of {', '.join(inside)}") from None
        if error.choices or place not in texts:
            raise StreamdeqError(_unknown_setting(inside[0], known)) from None
        if parts := [key for key in known if key.startswith(f"{place}.")]:
            raise StreamdeqError(f"'{place}' is a group of settings; set one of {', '.join(parts)}") from None
        raise


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
