"""Settings, which are dataclasses, to and from JSON values and `key=value` text, by the fields' annotations.

A field may be bool, int, float, str, Path, None, Literal, an enumeration, a tuple, a dict, a dataclass, or a union of
those. One that may hold one of several dataclasses carries the name of its class under `kind`; without a name it is of
the first that has all its keys, as what was written before there was a choice. Text is what a user types: the same
values, with `none` for None, tuples separated by commas, and no NaN; a dataclass that is `Written` is one of them too.
"""

from streamdeq.codec.annotations import PlainError, Written, choices_of, expected
from streamdeq.codec.option import Option
from streamdeq.codec.plain import differences, from_plain, to_plain
from streamdeq.codec.text import flatten, override, parse, typed

__all__ = [
    "Option",
    "PlainError",
    "Written",
    "choices_of",
    "differences",
    "expected",
    "flatten",
    "from_plain",
    "override",
    "parse",
    "to_plain",
    "typed",
]
