"""What is to go: marked, it works as before and says what to use instead, and which version takes it away."""

import warnings
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def deprecated(instead: str, *, since: str, until: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """A decorator for a function, method or class's `__init__` that `instead` replaces.

    Args:
        since, until: the version that marked it, and the one that takes it away, at least one minor version later.

    Raises:
        ValueError: there is no minor version between them.
    """
    if _minor(until) <= _minor(since):
        raise ValueError(f"deprecated since {since}: expected to stay for a minor version, got until {until}")

    def marked(function: Callable[P, T]) -> Callable[P, T]:
        message = f"{function.__qualname__} is deprecated since {since} and goes in {until}: use {instead}"

        @wraps(function)
        def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
            warnings.warn(message, DeprecationWarning, stacklevel=2)
            return function(*args, **kwargs)

        return wrapper

    return marked


def _minor(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)
