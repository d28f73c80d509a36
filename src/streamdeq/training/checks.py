"""The check of a recipe's choices by name."""

from typing import Any

from streamdeq.errors import require
from streamdeq.registry import Registry


def choice(value: str, name: str, choices: tuple[str, ...] | Registry[Any]) -> None:
    """Raise StreamdeqError unless `value` is one of `choices`."""
    if value not in choices:  # only then are they listed: a registry imports the plugins for that
        require(False, name, " or ".join(choices), f"'{value}'")
