"""The check that what a user gives as a number is one, and in its range."""

from math import isnan
from numbers import Integral, Real
from typing import Any

from streamdeq.errors import StreamdeqError


def check_number(name: str, value: Any, *, whole: bool = False, least: float | None = None) -> None:
    """Raise StreamdeqError unless `value` is a number, numpy's too, and at least `least`; NaN is none."""
    if not isinstance(value, Integral if whole else Real) or isinstance(value, bool) or isnan(value):
        raise StreamdeqError(f"{name} must be a {'whole ' * whole}number; got {value!r}")
    if least is not None and value < least:
        raise StreamdeqError(f"{name} must be at least {least}; got {value}")


def check_above_zero(name: str, value: Any) -> None:
    """Raise StreamdeqError unless `value` is a number above 0."""
    check_number(name, value)
    if not value > 0:
        raise StreamdeqError(f"{name} must be above 0, got {value}: give another, or leave it out")
