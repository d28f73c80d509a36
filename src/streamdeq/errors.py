"""The one exception a user is meant to see."""


class StreamdeqError(Exception):
    """A problem the user can act on.

    The message is one line: what was expected, what came, what to do. The command line prints it and
    exits with code 2; in Python it is raised as it is. Anything else that escapes is a bug.
    """


def require(good: bool, name: str, expected: str, got: object) -> None:
    """Raise StreamdeqError unless `good`: the recipe's setting `name` is not what is expected."""
    if not good:
        raise StreamdeqError(f"recipe: {name} must be {expected}; got {got}")
