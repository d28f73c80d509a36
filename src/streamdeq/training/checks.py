"""The checks of a recipe's values, in one line each."""

from typing import Any

from streamdeq.errors import StreamdeqError
from streamdeq.registry import Registry


def require(good: bool, name: str, expected: str, got: object) -> None:
    """Raise StreamdeqError unless `good`: the recipe's setting `name` is not what is expected."""
    if not good:
        raise StreamdeqError(f"recipe: {name} must be {expected}; got {got}")


def choice(value: str, name: str, choices: tuple[str, ...] | Registry[Any]) -> None:
    """Raise StreamdeqError unless `value` is one of `choices`."""
    if value not in choices:  # only then are they listed: a registry imports the plugins for that
        require(False, name, " or ".join(choices), f"'{value}'")
