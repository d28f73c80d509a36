"""The checks of a recipe's values, in one line each."""

from streamdeq.errors import StreamdeqError


def require(good: bool, name: str, expected: str, got: object) -> None:
    """Raise StreamdeqError unless `good`: the recipe's setting `name` is not what is expected."""
    if not good:
        raise StreamdeqError(f"recipe: {name} must be {expected}; got {got}")


def choice(value: str, name: str, choices: tuple[str, ...]) -> None:
    """Raise StreamdeqError unless `value` is one of `choices`."""
    require(value in choices, name, " or ".join(choices), f"'{value}'")
