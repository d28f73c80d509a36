"""Command-line options from the dataclasses that hold them: a command takes the dataclass, the user types its fields.

A field with a `codec.Option` in its annotation becomes an option with the field's type, default and help; a field that
is a dataclass adds its own. What is typed is read by the codec, so that it means the same in a recipe.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import typer

from streamdeq.codec import Option, choices_of, expected, parse
from streamdeq.errors import StreamdeqError
from streamdeq.registry import unknown

NOTHING = Option("")


def command(function: Callable[..., None]) -> Callable[..., None]:
    """`function` as typer takes it: its parameters with an `Option`, and those of its dataclasses, are options."""
    hints = get_type_hints(function, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if is_dataclass(kind)}
    parameters: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in groups:
            parameters += [_parameter(*option) for option in _options(groups[name])]
        elif option := _option(hints[name]):
            parameters.append(_parameter(name.rstrip("_"), get_args(hints[name])[0], option, parameter.default))
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[name]))

    def call(**given: Any) -> None:
        built = {name: _built(kind, given) for name, kind in groups.items()}
        own = {name: given.get(name.rstrip("_"), given.get(name)) for name in hints.keys() - {*groups, "return"}}
        # What was not given has the function's own default.
        function(**built, **{name: value for name, value in own.items() if value is not None})

    call.__name__, call.__doc__ = function.__name__, function.__doc__
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return call


def option(kind: Any, name: str) -> Option:
    """The description of one field's option, for a command that takes no more of the dataclass `kind`."""
    found = _option(get_type_hints(kind, include_extras=True)[name])
    assert found is not None
    return found


def reader(flag: str, kind: Any, option: Option = NOTHING) -> Callable[[str], Any]:
    """From text to a value of the annotation `kind`; raises a StreamdeqError that names the flag and what came."""
    if kind is Any:
        return str
    wanted = Union[tuple(one for one in get_args(kind) if one is not NoneType)] if _is_union(kind) else kind  # noqa: UP007

    def choose(text: str, choices: Sequence[Any]) -> Any:
        if text not in choices:
            raise StreamdeqError(f"{flag}: {unknown('value', text, [str(one) for one in choices])}")
        return choices[choices.index(text)]

    def read(text: str) -> Any:
        several = get_origin(wanted) is tuple
        if choices := choices_of(get_args(wanted)[0] if several else wanted):
            if not several:
                return choose(text, choices)
            given = {choose(part.strip(), choices) for part in text.split(",")}
            return tuple(one for one in choices if one in given)
        try:
            value = parse(text, wanted)
        except ValueError:
            raise StreamdeqError(f"{flag}: expected {_expected(wanted, option)}, got '{text}'") from None
        numbers = [one for one in (value if several else (value,)) if isinstance(one, int)]
        if option.least is not None and (min(numbers, default=option.least) < option.least or not _distinct(value)):
            raise StreamdeqError(f"{flag}: expected {_expected(wanted, option)}, got '{text}'")
        return value

    return read


def _expected(kind: Any, option: Option) -> str:
    if option.expects or option.least is None:
        return option.expects or expected(kind)
    if get_origin(kind) is tuple:
        return f"different whole numbers of at least {option.least}, separated by commas"
    return f"a whole number of at least {option.least}"


def _distinct(value: Any) -> bool:
    return not isinstance(value, tuple) or 0 < len(set(value)) == len(value)


def _options(kind: Any) -> Iterator[tuple[str, Any, Option, Any]]:
    """Name, type, description and default of each option that the dataclass `kind` has, and of those inside it."""
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        hint = hints[field.name]
        if is_dataclass(hint):
            yield from _options(hint)
        elif option := _option(hint):
            yield option.name or field.name, get_args(hint)[0], option, field.default


def _option(hint: Any) -> Option | None:
    found = [one for one in get_args(hint) if isinstance(one, Option)] if get_origin(hint) is Annotated else []
    return found[0] if found else None


def _parameter(name: str, kind: Any, option: Option, default: Any) -> inspect.Parameter:
    flag = f"--{name.replace('_', '-')}"
    flags = [flag, option.short] if option.short else [flag]
    if kind is bool:
        typed, initial = Annotated[bool, typer.Option(*flags, help=option.help)], default
    else:
        metavar = option.metavar or _metavar(kind)
        said = typer.Option(*flags, parser=reader(flag, kind, option), help=option.help, metavar=metavar)
        typed, initial = Annotated[Any, said], _as_text(default)
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=initial, annotation=typed)


def _as_text(default: Any) -> Any:
    """A default as the user would type it, to be read like what is typed."""
    if default in (MISSING, inspect.Parameter.empty):
        return inspect.Parameter.empty
    if isinstance(default, tuple):
        return ",".join(map(str, default)) or None
    return None if default is None else str(default)


def _metavar(kind: Any) -> str:
    members = [one for one in get_args(kind) if one is not NoneType] if _is_union(kind) else [kind]
    if get_origin(members[0]) is tuple:
        choices = choices_of(get_args(members[0])[0])
        return ",".join(map(str, choices)) if choices else "N,N,…"
    if choices := [str(choice) for one in members for choice in choices_of(one)]:
        return "|".join(choices)
    return {int: "N", float: "X"}.get(members[0], "TEXT")


def _built(kind: Any, given: dict[str, Any]) -> Any:
    """The dataclass of what was given; a field that was not has its default."""
    values: dict[str, Any] = {}
    for field in fields(kind):
        hint = get_type_hints(kind, include_extras=True)[field.name]
        if is_dataclass(hint):
            values[field.name] = _built(hint, given)
        elif option := _option(hint):
            values[field.name] = given.get(option.name or field.name)
    return kind(**{name: value for name, value in values.items() if value is not None})


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, UnionType)
