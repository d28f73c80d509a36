"""How a field of a dataclass is given on the command line."""

from dataclasses import dataclass


@dataclass(frozen=True)
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
